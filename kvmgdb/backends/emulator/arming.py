"""Breakpoints in the engine, armed where the guest gets to and nowhere else.

Setting 100,000 breakpoints must not slow a guest that reaches none of them.  So a breakpoint is only a
set member until the engine translates a block that contains it: the engine calls back for each new
block (``UC_HOOK_EDGE_GENERATED``, before the block runs), the run is stopped there, a code hook is put
on just the addresses of that block, its translation dropped, and the run goes on.  Each block pays once;
a block without breakpoints pays one set look-up, when it is translated.

The same goes for HLT: the engine returns from it without a word, so its instruction gets a hook too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unicorn import unicorn_const as uc

from kvmgdb.arch.emulator import Engine
from kvmgdb.backends.emulator.hooks import code_hook

PAGE_SHIFT = 12

MAX_STALE_CALLS = 1000
"""How often a hook may be called for a breakpoint that is gone before it is taken out.  gdb removes
all breakpoints at every stop and inserts them again, so most that are gone come back at once."""


class Arming:
    """The breakpoints of one engine.  ``hit(address)`` is called for each one the guest reaches."""

    def __init__(
        self,
        engine: Engine,
        hit: Callable[[int], None],
        halt_opcode: bytes | None,
        read_code: Callable[[int, int], bytes | None],
    ) -> None:
        self._engine = engine
        self._hit = hit
        self._code_hook = code_hook(engine, uc.UC_HOOK_CODE, self._on_code)
        self._halt_opcode = halt_opcode
        self._read_code = read_code
        self._by_page: dict[int, set[int]] = {}
        self._hooks: dict[int, int] = {}
        self._stale_calls: dict[int, int] = {}
        self._retired: list[int] = []
        self._halts: set[int] = set()
        self._translated: set[int] = set()  # pages in which a block was translated since the last flush
        self._fresh: list[tuple[int, int, list[int]]] = []
        self._flush = False
        self.stop_at_fresh = False
        """Stop the run at a new block with something to arm.  Off while single-stepping: one
        instruction needs no breakpoint, and must be executed exactly once."""
        self.halted = False
        """Set when the guest executes HLT."""
        engine.hook_add(uc.UC_HOOK_EDGE_GENERATED, self._on_block)

    def add(self, address: int) -> None:
        """Want a breakpoint."""
        self._by_page.setdefault(address >> PAGE_SHIFT, set()).add(address)
        if address not in self._hooks and address >> PAGE_SHIFT in self._translated:
            self._flush = True

    def discard(self, address: int) -> None:
        """Want it no more."""
        page = self._by_page.get(address >> PAGE_SHIFT)
        if page is not None:
            page.discard(address)
            if not page:
                del self._by_page[address >> PAGE_SHIFT]

    def __contains__(self, address: int) -> bool:
        return address in self._by_page.get(address >> PAGE_SHIFT, ())

    def invalidate(self) -> None:
        """Code may have been changed from outside: translate everything anew."""
        self._flush = True

    def prepare(self) -> None:
        """Make the next run honour every change."""
        while self._retired:
            self._code_hook.remove(self._retired.pop())
        if self._flush:
            self._engine.ctl_flush_tb()
            self._translated.clear()
            self._flush = False

    def arm_fresh(self) -> bool:
        """Arm what new blocks contain; whether there was any."""
        fresh, self._fresh = self._fresh, []
        for start, size, addresses in fresh:
            for address in addresses:
                self._hooks[address] = self._code_hook.add(address, address)
            self._engine.ctl_remove_cache(start, start + size)
        return bool(fresh)

    def _on_block(self, _engine: Engine, block: Any, _previous: Any, _data: object) -> None:
        start, size = block.pc, block.size
        found = []
        for page in range(start >> PAGE_SHIFT, ((start + size - 1) >> PAGE_SHIFT) + 1):
            self._translated.add(page)
            wanted = self._by_page.get(page)
            if wanted:
                found += [a for a in wanted if start <= a < start + size and a not in self._hooks]
        halt = self._halt_in(start, size)
        if halt is not None:
            found.append(halt)
        if found:
            self._fresh.append((start, size, found))
            if self.stop_at_fresh:
                self._engine.emu_stop()

    def _halt_in(self, start: int, size: int) -> int | None:
        """HLT ends a block, so it can only be the last instruction."""
        opcode = self._halt_opcode
        if opcode is None:
            return None
        address = start + size - len(opcode)
        if address in self._halts or self._read_code(address, len(opcode)) != opcode:
            return None
        self._halts.add(address)
        return address if address not in self._hooks else None

    def _on_code(self, _engine: Engine, address: int, _size: int, _data: object) -> None:
        if self._halt_opcode is not None and address in self._halts:
            self.halted = self._read_code(address, len(self._halt_opcode)) == self._halt_opcode
        if address in self._by_page.get(address >> PAGE_SHIFT, ()):
            self._hit(address)
        elif address not in self._halts:
            self._on_stale(address)

    def _on_stale(self, address: int) -> None:
        calls = self._stale_calls.get(address, 0) + 1
        self._stale_calls[address] = calls
        if calls >= MAX_STALE_CALLS:
            del self._stale_calls[address]
            self._retired.append(self._hooks.pop(address))  # not now: its callback is this one
