"""Ranges of instructions a guest has a breakpoint on: it must be asked about every instruction in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from unicorn import unicorn_const as uc

from kvmgdb.arch.emulator import Engine
from kvmgdb.backends.emulator.hooks import code_hook


class CodeRanges:
    """The ranges of one engine.  ``hit(address)`` is called before each instruction in them."""

    def __init__(self, engine: Engine, hit: Callable[[int], None], invalidate: Callable[[], None]) -> None:
        self._hook = code_hook(engine, uc.UC_HOOK_CODE, lambda _engine, address, _size, _data: hit(address))
        self._invalidate = invalidate
        self._hooks: dict[tuple[int, int], int] = {}

    def set(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Have these (first, last address), in place of those before."""
        wanted = set(ranges)
        if wanted == self._hooks.keys():
            return
        for gone in self._hooks.keys() - wanted:
            self._hook.remove(self._hooks.pop(gone))
        for first, last in wanted - self._hooks.keys():
            self._hooks[first, last] = self._hook.add(first, last)
        self._invalidate()
