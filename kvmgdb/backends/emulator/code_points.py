"""Breakpoints on instructions: the debugger's, and those the guest's own debug registers arm.

Both are armed the same way; what tells them apart is who is told.  The debugger comes first.  Whoever has
been told of an instruction is not told again when it is executed after all.
"""

from __future__ import annotations

from collections.abc import Iterable

from kvmgdb.arch.emulator import GuestPoint
from kvmgdb.backends.emulator.arming import Arming


class CodePoints:
    """The breakpoints of one engine, by address."""

    def __init__(self, arming: Arming) -> None:
        self._arming = arming
        self._debugger: set[int] = set()
        self._guest: dict[int, list[GuestPoint]] = {}
        self.debugger_told: int | None = None
        """An instruction at which the debugger's breakpoint lets pass, once."""
        self.guest_told: int | None = None
        """The same of the guest's."""

    def __contains__(self, address: int) -> bool:
        return address in self._debugger

    def add(self, address: int) -> None:
        """Set one of the debugger's."""
        self._debugger.add(address)
        self._arming.add(address)

    def discard(self, address: int) -> None:
        """Take it out."""
        self._debugger.discard(address)
        if address not in self._guest:
            self._arming.discard(address)

    def set_guest(self, points: Iterable[GuestPoint]) -> None:
        """Set the guest's, in place of those it had."""
        for address in self._guest.keys() - self._debugger:
            self._arming.discard(address)
        self._guest = {}
        for point in points:
            self._guest.setdefault(point.address, []).append(point)
            self._arming.add(point.address)

    def reached(self, address: int) -> list[GuestPoint] | None:
        """The guest is about to execute ``address``: None for the debugger's breakpoint, else the
        guest's own points there.
        """
        if address in self._debugger and address != self.debugger_told:
            return None
        self.debugger_told = None
        theirs = self._guest.get(address, []) if address != self.guest_told else []
        self.guest_told = None
        return theirs
