"""Breakpoints on instructions: the debugger's, and those the guest's own debug registers arm.

Both are armed the same way; what tells them apart is who is told.  The debugger comes first.  Whoever has
been told of an instruction is not told again when it is executed after all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.emulator import GuestPoint
from kvmgdb.backends.base import HitTest
from kvmgdb.backends.emulator.arming import Arming
from kvmgdb.backends.emulator.code_ranges import CodeRanges

ONE_INSTRUCTION = 4
"""Bytes of a point on one instruction; one that has more is a range."""


class CodePoints:
    """The breakpoints of one engine, by address."""

    def __init__(self, arming: Arming, ranges: CodeRanges) -> None:
        self._arming = arming
        self._ranges = ranges
        self._software: dict[int, HitTest | None] = {}
        self._hardware: dict[int, HitTest | None] = {}
        self._debugger = {
            BreakpointKind.SOFTWARE: self._software,
            BreakpointKind.HARDWARE: self._hardware,
        }
        self._guest: dict[int, list[GuestPoint]] = {}
        self._guest_ranges: list[GuestPoint] = []
        self.debugger_told: int | None = None
        """An instruction at which the debugger's breakpoint lets pass, once."""
        self.guest_told: int | None = None
        """The same of the guest's."""

    def __contains__(self, address: int) -> bool:
        return address in self._software or address in self._hardware

    def debuggers(self) -> Iterator[tuple[BreakpointKind, int, HitTest | None]]:
        """What the debugger has set: kind, address, test."""
        for kind, points in self._debugger.items():
            for address, test in points.items():
                yield kind, address, test

    def add(self, address: int, kind: BreakpointKind, test: HitTest | None) -> None:
        """Set one of the debugger's; one of either kind may be at an address."""
        self._debugger[kind][address] = test
        self._arming.add(address)

    def discard(self, address: int, kind: BreakpointKind) -> None:
        """Take it out."""
        self._debugger[kind].pop(address, None)
        if address not in self and address not in self._guest:
            self._arming.discard(address)

    def stops(self, address: int) -> bool:
        """Whether the debugger wants to know of ``address``.  Every test there is asked."""
        tests = [points[address] for points in self._debugger.values() if address in points]
        return True in [test is None or test.stops() for test in tests]

    def set_guest(self, points: Iterable[GuestPoint]) -> None:
        """Set the guest's, in place of those it had."""
        for address in self._guest:
            if address not in self:
                self._arming.discard(address)
        self._guest, self._guest_ranges = {}, []
        for point in points:
            if point.length > ONE_INSTRUCTION:
                self._guest_ranges.append(point)
            else:
                self._guest.setdefault(point.address, []).append(point)
                self._arming.add(point.address)
        self._ranges.set((point.address, point.address + point.length - 1) for point in self._guest_ranges)

    def reached(self, address: int) -> list[GuestPoint] | None:
        """The guest is about to execute ``address``: None where that is for the debugger, else the
        guest's own points there.
        """
        if address != self.debugger_told and self.stops(address):
            return None
        self.debugger_told = None
        theirs = self.guest_at(address)
        self.guest_told = None
        return theirs

    def guest_at(self, address: int) -> list[GuestPoint]:
        """The guest's own points that the instruction at ``address`` is to raise."""
        if address == self.guest_told:
            return []
        exact = self._guest.get(address, [])
        if not self._guest_ranges:
            return exact
        return exact + [p for p in self._guest_ranges if p.address <= address < p.address + p.length]
