"""Running until the program counter leaves a range, at full speed.

Hooks on every instruction *outside* the range: inside, nothing is called, so a loop of a million turns on
one source line costs what it costs the guest.  Setting them makes the engine translate everything anew, so
it is done only for a run that a few single steps have not brought to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from unicorn import unicorn_const as uc

from kvmgdb.arch.emulator import Engine
from kvmgdb.backends.emulator.hooks import code_hook

_LAST = (1 << 64) - 1


class Fence:
    """``left(address)`` is called before the first instruction outside."""

    def __init__(self, engine: Engine, left: Callable[[int], None], invalidate: Callable[[], None]) -> None:
        self._hook = code_hook(engine, uc.UC_HOOK_CODE, lambda _engine, address, _size, _data: left(address))
        self._invalidate = invalidate

    @contextmanager
    def around(self, within: range) -> Iterator[None]:
        """While this lasts, the fence stands."""
        outside = [(0, within.start - 1)] * (within.start > 0) + [(within.stop, _LAST)]
        hooks = [self._hook.add(first, last) for first, last in outside]
        self._invalidate()
        try:
            yield
        finally:
            for hook in hooks:
                self._hook.remove(hook)
            self._invalidate()
