"""Watchpoints in the engine: hooks on memory accesses, exact to the byte.

The engine's memory hooks are given physical addresses, test only where an access starts, and run before
a store is done.  So a watch of virtual bytes becomes hooks on the physical ranges from seven bytes before
it (an access is eight bytes at most) to its end, page by page; and each call is judged by the virtual
range it really touches, which also catches an access that starts on the page before.

When the engine is stopped inside such a hook, the store has been done but no register has changed and
the program counter is still on the instruction.  Putting the old bytes back therefore undoes the
instruction, which is the state a PowerPC watchpoint reports; executing it once more with the hooks muted
gives the state an x86 one reports.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from unicorn import unicorn_const as uc

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.emulator import Engine
from kvmgdb.backends.emulator.hooks import SharedHook, memory_hook
from kvmgdb.backends.memory import Translate, pieces
from kvmgdb.errors import MemoryFault

WIDEST_ACCESS = 8

MAX_STALE_RESUMES = 200
"""How many resumes a hook outlives its watchpoint: gdb takes watchpoints out and puts them back at
every stop, and a hook taken out costs a new translation of the guest's code."""

_KINDS = {
    BreakpointKind.WRITE: (True, False),
    BreakpointKind.READ: (False, True),
    BreakpointKind.ACCESS: (True, True),
}


@dataclass(frozen=True, slots=True)
class WatchHit:
    """One access to watched bytes."""

    kind: BreakpointKind
    address: int
    """First watched byte that was touched."""
    undo: tuple[int, bytes] | None
    """Virtual address and bytes to put back; None for a read."""


@dataclass(slots=True)
class _Watch:
    kind: BreakpointKind
    start: int
    end: int
    ranges: list[tuple[int, int, int]] = field(default_factory=list)
    """(virtual start, physical start, length) of what is hooked."""
    hooks: list[tuple[SharedHook, int]] = field(default_factory=list)
    active: bool = True
    stale: int = 0

    def touched(self, physical: int, size: int) -> tuple[int, int] | None:
        """(virtual address of the access, first watched byte touched)."""
        for virtual, base, length in self.ranges:
            if base <= physical < base + length:
                address = virtual + physical - base
                if address < self.end and address + size > self.start:
                    return address, max(address, self.start)
        return None


class Watching:
    """The watchpoints of one engine."""

    def __init__(
        self,
        engine: Engine,
        translate: Translate,
        read: Callable[[int, int], bytes],
        invalidate: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._translate = translate
        self._read = read
        self._invalidate = invalidate
        self._writes = memory_hook(engine, uc.UC_HOOK_MEM_WRITE, self._on_write)
        self._reads = memory_hook(engine, uc.UC_HOOK_MEM_READ, self._on_read)
        self._watches: dict[tuple[BreakpointKind, int, int], _Watch] = {}
        self.muted = False
        """Let accesses pass, while an instruction is executed again."""
        self.hit: WatchHit | None = None

    def insert(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Watch ``length`` bytes.

        Raises:
            MemoryFault: part of the range is not mapped.
        """
        known = self._watches.get((kind, address, length))
        ranges = list(pieces(address, length, self._translate))
        if known is not None and known.ranges[-len(ranges) :] == ranges:
            known.active, known.stale = True, 0
            return
        if known is not None:
            self._drop((kind, address, length))  # the guest has mapped other memory there since
        watch = _Watch(kind, address, address + length)
        watch.ranges = self._margin(address) + ranges
        writes, reads = _KINDS[kind]
        for hook in [self._writes] * writes + [self._reads] * reads:
            watch.hooks += [(hook, hook.add(p, p + size - 1)) for _, p, size in watch.ranges]
        self._watches[kind, address, length] = watch
        self._invalidate()

    def _margin(self, address: int) -> list[tuple[int, int, int]]:
        """The bytes before the watch in which an access to it can start; none where not mapped."""
        try:
            return list(pieces(address - (WIDEST_ACCESS - 1), WIDEST_ACCESS - 1, self._translate))
        except MemoryFault:
            return []

    def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Watch it no more; its hooks stay a while."""
        watch = self._watches.get((kind, address, length))
        if watch is not None:
            watch.active = False

    def prepare(self) -> None:
        """Before a resume: forget what has long been unused."""
        for key, watch in list(self._watches.items()):
            if not watch.active:
                watch.stale += 1
                if watch.stale > MAX_STALE_RESUMES:
                    self._drop(key)

    def _drop(self, key: tuple[BreakpointKind, int, int]) -> None:
        for hook, handle in self._watches.pop(key).hooks:
            hook.remove(handle)
        self._invalidate()

    def _on_write(
        self, _engine: Engine, _access: int, address: int, size: int, _value: int, _key: int
    ) -> None:
        self._on_access(address, size, write=True)

    def _on_read(
        self, _engine: Engine, _access: int, address: int, size: int, _value: int, _key: int
    ) -> None:
        self._on_access(address, size, write=False)

    def _on_access(self, physical: int, size: int, *, write: bool) -> None:
        if self.muted or self.hit is not None:
            return
        for watch in self._watches.values():
            if not watch.active or not _KINDS[watch.kind][0 if write else 1]:
                continue
            found = watch.touched(physical, size)
            if found is not None:
                address, first = found
                undo = (address, self._read(address, size)) if write else None
                self.hit = WatchHit(watch.kind, first, undo)
                self._engine.emu_stop()
                return
