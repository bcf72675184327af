"""Breakpoints in the engine, armed where the guest gets to and nowhere else.

Setting 100,000 breakpoints must not slow a guest that reaches none of them.  So a breakpoint is only a
set member until the engine translates a block that contains it: the engine calls back for each new
block (``UC_HOOK_EDGE_GENERATED``, before the block runs), the run is stopped there, a code hook is put
on just the addresses of that block, its translation dropped, and the run goes on.  Each block pays once;
a block without breakpoints pays one set look-up, when it is translated.

The same goes for the few instructions that must be seen executed: HLT, from which the engine returns
without a word, writes to debug registers, and what a debug exception may come of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unicorn import unicorn_const as uc

from kvmgdb.arch.emulator import Engine, Mark
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
        marked: Callable[[int, bytes], list[tuple[int, Mark]]],
        read_code: Callable[[int, int], bytes | None],
        heeds: Callable[[Mark], bool],
    ) -> None:
        self._engine = engine
        self._hit = hit
        self._code_hook = code_hook(engine, uc.UC_HOOK_CODE, self._on_code)
        self._marked = marked
        self._read_code = read_code
        self._heeds = heeds
        self._by_page: dict[int, set[int]] = {}
        self._hooks: dict[int, int] = {}
        self._stale_calls: dict[int, int] = {}
        self._retired: list[int] = []
        self._marks: dict[int, Mark] = {}
        self._translated: set[int] = set()  # pages in which a block was translated since the last flush
        self._fresh: list[tuple[int, int, list[int]]] = []
        self._flush = False
        self._stepping = False
        self.seen: Mark | None = None
        """The marked instruction the guest is executing."""
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

    def begin(self, *, stepping: bool) -> None:
        """Make the next run honour every change.

        A run stops at a new block with something to arm.  Not so while ``stepping``: one instruction
        needs no breakpoint, and must be executed exactly once.
        """
        self._stepping = stepping
        self.seen = None
        while self._retired:
            self._code_hook.remove(self._retired.pop())
        if self._flush:
            self._engine.ctl_flush_tb()
            self._translated.clear()
            self._flush = False

    def arm_fresh(self) -> set[int]:
        """Arm what new blocks contain; the addresses."""
        fresh, self._fresh = self._fresh, []
        for start, size, addresses in fresh:
            for address in addresses:
                self._hooks[address] = self._code_hook.add(address, address)
            self._engine.ctl_remove_cache(start, start + size)
        return {address for _, _, addresses in fresh for address in addresses}

    def mark_at(self, address: int) -> Mark | None:
        """Why the instruction at ``address`` must be seen, if it must."""
        return self._marks.get(address)

    def _on_block(self, _engine: Engine, block: Any, _previous: Any, _data: object) -> None:
        start, size = block.pc, block.size
        found = []
        for page in range(start >> PAGE_SHIFT, ((start + size - 1) >> PAGE_SHIFT) + 1):
            self._translated.add(page)
            wanted = self._by_page.get(page)
            if wanted:
                found += [a for a in wanted if start <= a < start + size and a not in self._hooks]
        found += self._new_marks(start, size)
        if found:
            self._fresh.append((start, size, found))
            if not self._stepping:
                self._engine.emu_stop()

    def _new_marks(self, start: int, size: int) -> list[int]:
        """Note the block's marked instructions; those that have no hook yet."""
        code = self._read_code(start, size)
        marks = self._marked(start, code) if code is not None else []
        for address in self._marks.keys() & range(start, start + size):
            del self._marks[address]  # the code may be another than the last time
        self._marks.update(marks)
        return [address for address, _ in marks if address not in self._hooks]

    def _on_code(self, _engine: Engine, address: int, _size: int, _data: object) -> None:
        mark = self._marks.get(address)
        if mark is not None and self._heeds(mark):
            self.seen = mark
            if mark is not Mark.HALT and not self._stepping:
                self._engine.emu_stop()
        if address in self._by_page.get(address >> PAGE_SHIFT, ()):
            self._hit(address)
        elif mark is None:
            self._on_stale(address)

    def _on_stale(self, address: int) -> None:
        calls = self._stale_calls.get(address, 0) + 1
        self._stale_calls[address] = calls
        if calls >= MAX_STALE_CALLS:
            del self._stale_calls[address]
            hook = self._hooks.pop(address, None)  # None: it goes before the next run
            if hook is not None:
                self._retired.append(hook)  # not now: its callback is this one
                if not self._stepping:
                    self._engine.emu_stop()
