"""Watchpoints in the engine: hooks on memory accesses, exact to the byte.

The engine's memory hooks are given physical addresses, test only where an access starts, and run before
a store is done.  So a watch of virtual bytes becomes hooks on the physical ranges from seven bytes before
it (an access is eight bytes at most) to its end, page by page; and each call is judged by the virtual
range it really touches, which also catches an access that starts on the page before.

When the engine is stopped inside such a hook, the store has been done but no register has changed (but
for the target of a PowerPC load) and the program counter is still on the instruction.  Putting the old
bytes back therefore undoes the instruction, which is the state a PowerPC watchpoint reports; executing it
once more with the hooks muted gives the state an x86 one reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from unicorn import unicorn_const as uc

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.emulator import Engine
from kvmgdb.arch.registers import ByteOrder
from kvmgdb.backends.base import HitTest
from kvmgdb.backends.emulator.hooks import SharedHook, memory_hook
from kvmgdb.backends.emulator.registers import Batch
from kvmgdb.backends.memory import PAGE, PhysicalMemory, Translate, pieces
from kvmgdb.errors import MemoryFault

WIDEST_ACCESS = 8

MAX_STALE_CALLS = 1000
"""How often hooks may be called in vain before those of watchpoints that are gone are taken out.  gdb
takes watchpoints out and puts them back at every stop, and a hook taken out costs a new translation of
the guest's code; one left in slows the guest at every access near it."""

_KINDS = {
    BreakpointKind.WRITE: (True, False),
    BreakpointKind.READ: (False, True),
    BreakpointKind.ACCESS: (True, True),
}


@dataclass(frozen=True, slots=True)
class WatchedMachine:
    """What must be known of the machine."""

    byteorder: ByteOrder
    watch_before: bool
    """Whether a watchpoint is reported before the access is done."""
    load_targets: Sequence[int]
    """Engine numbers of the registers a load may have changed already when the engine stops at it."""


class Owner(StrEnum):  # which hashes faster than Enum, as a tuple does than a frozen dataclass
    """Who watches."""

    DEBUGGER = "debugger"
    GUEST = "guest"


class WatchKey(NamedTuple):
    """One watchpoint."""

    owner: Owner
    kind: BreakpointKind
    address: int
    length: int


class WatchHit(NamedTuple):
    """One access to watched bytes."""

    key: WatchKey
    address: int
    """First watched byte that was touched."""
    undo: tuple[tuple[int, bytes], ...]
    """Physical addresses and the bytes to put back there, in the access's order; none for a read."""
    test: HitTest | None
    """What is still to be asked."""


@dataclass(slots=True)
class _Watch:
    key: WatchKey
    test: HitTest | None
    ranges: list[tuple[int, int, int]] = field(default_factory=list)
    """(virtual start, physical start, length) of what is hooked."""
    hooks: list[tuple[SharedHook, int]] = field(default_factory=list)
    active: bool = True

    def touched(self, physical: int, size: int) -> tuple[int, int] | None:
        """(virtual address of the access, first watched byte touched)."""
        key = self.key
        for virtual, base, length in self.ranges:
            if base <= physical < base + length:
                address = virtual + physical - base
                if address < key.address + key.length and address + size > key.address:
                    return address, max(address, key.address)
        return None


class Watching:
    """The watchpoints of one engine."""

    def __init__(
        self,
        engine: Engine,
        translate: Translate,
        memory: PhysicalMemory,
        invalidate: Callable[[], None],
        machine: WatchedMachine,
    ) -> None:
        self._engine = engine
        self._translate = translate
        self._memory = memory
        self._machine = machine
        self._invalidate = invalidate
        self._writes = memory_hook(engine, uc.UC_HOOK_MEM_WRITE, self._on_write)
        self._reads = memory_hook(engine, uc.UC_HOOK_MEM_READ, self._on_read)
        self._watches: dict[WatchKey, _Watch] = {}
        self._hits: list[WatchHit] = []
        self._vain_calls = 0
        self._load_targets = Batch(engine, machine.load_targets)
        self._before_load: list[int] = []
        self._passed: list[WatchHit] = []
        self.muted = False
        """Let accesses pass, while an instruction is executed again."""

    def take_hits(self) -> list[WatchHit]:
        """What the access that stopped the run touched; each call gives it once.

        What a load has put into a register is taken back: its address may be made of that register.
        """
        hits, self._hits = self._hits, []
        if hits and not hits[0].undo:
            for number, value in zip(self._machine.load_targets, self._before_load, strict=True):
                self._engine.reg_write(number, value)
        return hits

    def take_passed(self) -> list[WatchHit]:
        """What was touched while muted: an instruction that reads and then writes is first stopped at the
        read.  Each call gives it once.
        """
        passed, self._passed = self._passed, []
        return passed

    def insert(self, key: WatchKey, test: HitTest | None = None) -> None:
        """Watch; ``test`` is asked at each access.

        Raises:
            MemoryFault: part of the range is not mapped.
        """
        known = self._watches.get(key)
        ranges = _joined(pieces(key.address, key.length, self._translate))
        if known is not None and known.ranges[-len(ranges) :] == ranges:
            known.active, known.test = True, test
            return
        if known is not None:
            self._drop(key)  # the guest has mapped other memory there since
        watch = _Watch(key, test, self._margin(key.address) + ranges)
        writes, reads = _KINDS[key.kind]
        for hook in [self._writes] * writes + [self._reads] * reads:
            watch.hooks += [(hook, hook.add(p, p + size - 1)) for _, p, size in watch.ranges]
        self._watches[key] = watch
        self._invalidate()

    def _margin(self, address: int) -> list[tuple[int, int, int]]:
        """The bytes before the watch in which an access to it can start: as far down as they are mapped."""
        start = address
        lowest = max(0, address - (WIDEST_ACCESS - 1))
        while start > lowest and self._translate(start - 1) is not None:
            start -= 1
        return _joined(pieces(start, address - start, self._translate))

    def debuggers(self) -> Iterator[tuple[WatchKey, HitTest | None]]:
        """What the debugger watches."""
        for key, watch in self._watches.items():
            if watch.active and key.owner is Owner.DEBUGGER:
                yield key, watch.test

    def remove(self, key: WatchKey) -> None:
        """Watch it no more; its hooks stay a while."""
        watch = self._watches.get(key)
        if watch is not None:
            watch.active = False

    def begin(self) -> None:
        """Before a run: take out what has been called in vain too often."""
        if self._vain_calls >= MAX_STALE_CALLS:
            self._vain_calls = 0
            for key in [key for key, watch in self._watches.items() if not watch.active]:
                self._drop(key)

    def _drop(self, key: WatchKey) -> None:
        for hook, handle in self._watches.pop(key).hooks:
            hook.remove(handle)
        self._invalidate()

    def _on_write(
        self, _engine: Engine, _access: int, address: int, size: int, value: int, _key: int
    ) -> None:
        self._on_access(address, size, 0, value)

    def _on_read(
        self, _engine: Engine, _access: int, address: int, size: int, _value: int, _key: int
    ) -> None:
        self._on_access(address, size, 1, None)

    def _on_access(self, physical: int, size: int, direction: int, written: int | None) -> None:
        """``direction`` indexes :data:`_KINDS`.  The engine calls once per hook that covers the access;
        the first call finds everything, since the engine does not stop in between.
        """
        if self._hits:
            return
        found = self._touched(physical, size, direction)
        if self.muted:
            self._passed += found
            return
        if not found:
            self._vain_calls += 1  # the slice goes on: to stop here would leave an instruction half done
            return
        self._hits = self._ask(found, written, size)
        if self._hits:
            if direction == 1:
                self._before_load = self._load_targets.read()
            self._engine.emu_stop()

    def _ask(self, hits: list[WatchHit], written: int | None, size: int) -> list[WatchHit]:
        """Those whose test does not say no.  A test of registers waits where the debugger is told after the
        instruction; any other is asked at once, with memory as the access leaves it.
        """
        early = [hit for hit in hits if hit.test is not None and not self._waits(hit.test)]
        if not early:
            return hits
        before = hits[0].undo
        if written is not None:
            after = (written & ((1 << 8 * size) - 1)).to_bytes(size, self._machine.byteorder)
            for physical, old in before:
                self._memory.write(physical, after[: len(old)])
                after = after[len(old) :]
        wanted = {hit.key for hit in early if hit.test is not None and hit.test.stops()}
        for physical, old in before:
            self._memory.write(physical, old)
        return [
            hit._replace(test=None) if hit.key in wanted else hit
            for hit in hits
            if hit.key in wanted or hit not in early
        ]

    def _waits(self, test: HitTest) -> bool:
        return test.reads_registers and not self._machine.watch_before

    def _touched(self, physical: int, size: int, direction: int) -> list[WatchHit]:
        hits = []
        for watch in self._watches.values():
            if not watch.active or not _KINDS[watch.key.kind][direction]:
                continue
            found = watch.touched(physical, size)
            if found is not None and (before := self._before(found[0], physical, size)):
                hits.append(WatchHit(watch.key, found[1], () if direction else before, watch.test))
        return hits

    def _before(self, address: int, physical: int, size: int) -> tuple[tuple[int, bytes], ...]:
        """What is at the bytes of an access, as (physical, bytes): the page it ends on may be elsewhere in
        memory.  Empty where that is not mapped: the guest gets a page fault, and nothing is touched.
        """
        if physical % PAGE + size <= PAGE:
            return ((physical, self._memory.read(physical, size)),)
        try:
            places = list(pieces(address, size, self._translate, PAGE))
            return tuple([(place, self._memory.read(place, length)) for _, place, length in places])
        except MemoryFault:
            return ()


def _joined(parts: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Pieces of (virtual, physical, length), those that follow each other in both as one: every hook costs
    something at every access.
    """
    joined: list[tuple[int, int, int]] = []
    for virtual, physical, length in parts:
        if joined:
            first, start, size = joined[-1]
            if (first + size, start + size) == (virtual, physical):
                joined[-1] = (first, start, size + length)
                continue
        joined.append((virtual, physical, length))
    return joined
