"""Write watchpoints on a host whose debug registers do not watch: by stepping, and comparing memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.errors import MemoryFault, RspError

ReadPhysical = Callable[[int, int], bytes]
Pieces = Callable[[int, int], list[tuple[int, int]]]
"""(virtual address, length) -> (physical address, size) of each piece; MemoryFault where none is mapped."""


@dataclass(frozen=True, slots=True)
class Change:
    """A watched range that is no longer what it was."""

    kind: BreakpointKind
    address: int
    """Its first byte that is not what it was."""


@dataclass(slots=True)
class _Watch:
    kind: BreakpointKind
    address: int
    length: int
    places: list[tuple[int, int]]
    content: bytes


class Comparing:
    """The watchpoints of one guest that are found by comparing."""

    def __init__(self, pieces: Pieces, read: ReadPhysical) -> None:
        self._pieces = pieces
        self._read = read
        self._watches: list[_Watch] = []

    def __bool__(self) -> bool:
        return bool(self._watches)

    def insert(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Watch.

        Raises:
            RspError: a read leaves nothing to compare; MemoryFault where nothing is mapped.
        """
        if kind is not BreakpointKind.WRITE:
            raise RspError(
                f"this host's KVM reports no data accesses, and comparing memory finds no {kind.label}: "
                "watch for writes, or use --backend emulator"
            )
        places = self._pieces(address, length)
        self._watches.append(_Watch(kind, address, length, places, self._look(places)))

    def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Watch it no more."""
        key = (kind, address, length)
        self._watches = [w for w in self._watches if (w.kind, w.address, w.length) != key]

    def renew(self) -> None:
        """Before a run: take memory, where it is mapped now, for what it was."""
        for watch in self._watches:
            try:
                watch.places = self._pieces(watch.address, watch.length)
            except MemoryFault:
                watch.places = []  # nothing is there that could be written
            watch.content = self._look(watch.places)

    def changed(self) -> Change | None:
        """The first range that differs; from now on its new content is the old one."""
        for watch in self._watches:
            old, new = watch.content, self._look(watch.places)
            if new != old:
                watch.content = new
                differs = next(i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b)
                return Change(watch.kind, watch.address + differs)
        return None

    def _look(self, places: list[tuple[int, int]]) -> bytes:
        return b"".join([self._read(physical, size) for physical, size in places])
