"""Which hits are wanted: the tests of what is set."""

from __future__ import annotations

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import Stop, StopKind
from kvmgdb.backends.base import HitTest


class HitTests:
    """The test of each breakpoint and watchpoint, found by what a stop says."""

    def __init__(self) -> None:
        self._code: dict[int, dict[BreakpointKind, HitTest | None]] = {}
        self._watches: dict[tuple[BreakpointKind, int, int], HitTest | None] = {}

    def known(self, kind: BreakpointKind, address: int, length: int) -> bool:
        """Whether this is set already."""
        if kind.is_watch:
            return (kind, address, length) in self._watches
        return kind in self._code.get(address, ())

    def set(self, kind: BreakpointKind, address: int, length: int, test: HitTest | None) -> None:
        """Keep the test of what is set; None wants every hit."""
        if kind.is_watch:
            self._watches[kind, address, length] = test
        else:
            self._code.setdefault(address, {})[kind] = test

    def drop(self, kind: BreakpointKind, address: int, length: int) -> None:
        """It is no longer set."""
        if kind.is_watch:
            self._watches.pop((kind, address, length), None)
            return
        here = self._code.get(address, {})
        here.pop(kind, None)
        if not here:
            self._code.pop(address, None)

    def wants(self, stop: Stop) -> bool:
        """Ask every test there is for a hit; a stop that is none is always wanted."""
        if stop.kind is StopKind.BREAKPOINT:
            tests = list(self._code.get(stop.pc, {}).values())
        elif stop.kind is not StopKind.WATCHPOINT:
            return True
        else:
            tests = [
                test
                for (kind, address, length), test in self._watches.items()
                if kind is stop.breakpoint and stop.address in range(address, address + length)
            ]
        return not tests or True in [test is None or test.stops() for test in tests]
