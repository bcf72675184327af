"""The breakpoints a debugger has set: any number, kept here and not in the guest.

What a stop means is one look-up by address, whatever the number.  A breakpoint asked for twice is one
breakpoint, and taken back once it is gone (GDB manual, "Packets": ``Z`` and ``z`` are idempotent); the
conditions and commands of the second time take the place of the first.  A software and a hardware one at the
same address are two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.conditions.compile import Command, Condition


@dataclass(slots=True)
class Breakpoint:
    """One breakpoint or watchpoint."""

    kind: BreakpointKind
    address: int
    length: int
    armed_as: BreakpointKind
    """What the backend was asked for: policy may make a hardware one of a software one."""
    hits: int = 0
    passed: int = 0
    """How often its conditions were false."""
    problem: str = ""
    """Why an expression of it came to no value, the last time that happened."""
    conditions: tuple[Condition, ...] = ()
    """It stops the guest if any of them is true, and always if there is none (GDB manual, "Packets")."""
    commands: tuple[Command, ...] = ()
    """What is run there."""
    persist: bool = False
    """Whether the commands are run also while no debugger is attached."""


Key = tuple[BreakpointKind, int, int]
_CODE = tuple(kind for kind in BreakpointKind if not kind.is_watch)


@dataclass(slots=True)
class BreakpointTable:
    """All breakpoints of one session."""

    _points: dict[Key, Breakpoint] = field(default_factory=dict)
    _watches: dict[Key, Breakpoint] = field(default_factory=dict)
    _out: dict[Key, Breakpoint] = field(default_factory=dict)
    """Those taken out since the guest was last continued: gdb takes all of its out whenever the guest stands
    still, and puts them back before it runs on."""

    def __len__(self) -> int:
        return len(self._points)

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter(self._points.values())

    def get(self, kind: BreakpointKind, address: int, length: int) -> Breakpoint | None:
        """The breakpoint that was set so."""
        return self._points.get(self._key(kind, address, length))

    def add(self, point: Breakpoint) -> bool:
        """Take it in, and say whether it is new: one that is there already stays once.  One that comes back
        counts on.
        """
        key = self._key(point.kind, point.address, point.length)
        is_new = key not in self._points
        before = self._out.pop(key, None)
        if before is not None:
            point.hits, point.passed, point.problem = before.hits, before.passed, before.problem
        self._points[key] = point
        if point.kind.is_watch:
            self._watches[key] = point
        return is_new

    def remove(self, point: Breakpoint) -> None:
        """Forget one."""
        key = self._key(point.kind, point.address, point.length)
        del self._points[key]
        if point.kind.is_watch:
            del self._watches[key]

    def take_out(self, point: Breakpoint) -> None:
        """Remove one that may come back."""
        self.remove(point)
        self._out[self._key(point.kind, point.address, point.length)] = point

    def taken_out(self) -> list[Breakpoint]:
        """Those that were set when the guest was last continued, and are not now."""
        return list(self._out.values())

    def forget_taken_out(self) -> None:
        """The guest is continued, or the debugger has gone: what is out now stays out."""
        self._out.clear()

    def at(self, address: int) -> list[Breakpoint]:
        """The code breakpoints at ``address``."""
        return [point for kind in _CODE if (point := self._points.get((kind, address, 0))) is not None]

    def watching(self, kind: BreakpointKind, address: int) -> list[Breakpoint]:
        """The watchpoints of a kind that have ``address`` among their bytes."""
        return [
            point
            for point in self._watches.values()
            if point.kind is kind and point.address <= address < point.address + point.length
        ]

    def sharing(self, point: Breakpoint) -> list[Breakpoint]:
        """All that ask the backend for the same: ``point``, where it is in the table, and others."""
        if point.kind.is_watch:
            return [known] if (known := self.get(point.kind, point.address, point.length)) else []
        return [other for other in self.at(point.address) if other.armed_as is point.armed_as]

    @staticmethod
    def _key(kind: BreakpointKind, address: int, length: int) -> Key:
        """The length of a code breakpoint says how gdb would write it; it tells no two apart."""
        return kind, address, length if kind.is_watch else 0
