"""Walks of the page tables that are kept: a condition looks at the same place at every hit.

A walk is as good as new while the registers and the table entries it went by are what they were.  To compare
them takes a quarter of the time.
"""

from __future__ import annotations

from typing import NamedTuple

from kvmgdb.arch.machine import Extent
from kvmgdb.errors import MemoryFault
from kvmgdb_x86 import paging

KEPT = 4096
"""Most walks that are kept: a megabyte or some."""


class _Walk(NamedTuple):
    state: tuple[int, int, int, int]
    places: list[tuple[int, int]]
    """Address and length of each entry on the way."""
    entries: list[bytes]
    extent: Extent | None


class Walks:
    """The last walks of one guest."""

    def __init__(self) -> None:
        self._known: dict[int, _Walk] = {}

    def translate(
        self, state: tuple[int, int, int, int], address: int, read: paging.ReadPhysical
    ) -> Extent | None:
        """Where a linear address lies; None where nothing is mapped, or a table is outside memory.

        ``state`` is what :class:`kvmgdb_x86.paging.PagingState` names.
        """
        known = self._known.get(address)
        if (
            known is not None
            and known.state == state
            and [read(*place) for place in known.places] == known.entries
        ):
            return known.extent
        return self._walk(state, address, read)

    def _walk(
        self, state: tuple[int, int, int, int], address: int, read: paging.ReadPhysical
    ) -> Extent | None:
        places: list[tuple[int, int]] = []
        entries: list[bytes] = []

        def noted(at: int, length: int) -> bytes:
            entry = read(at, length)
            places.append((at, length))
            entries.append(entry)
            return entry

        try:
            place = paging.look_up(paging.PagingState(*state), address, noted)
        except MemoryFault:
            return None
        extent = Extent(place.physical, place.length) if place is not None else None
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[address] = _Walk(state, places, entries, extent)
        return extent
