"""Memory by linear address, for who looks at the guest from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kvmgdb.arch.machine import Extent
from kvmgdb.errors import MemoryFault
from kvmgdb_x86 import paging

PAGE = 4096


class LinearMemory:
    """The memory one set of paging registers shows."""

    def __init__(self, state: paging.PagingState, read_physical: Callable[[int, int], bytes]) -> None:
        self._state = state
        self._read = read_physical

    def _look_up(self, address: int) -> paging.Place | None:
        try:
            return paging.look_up(self._state, address, self._read)
        except MemoryFault:
            return None  # a table outside memory maps nothing

    def translate(self, address: int) -> Extent | None:
        """Where it lies, None where nothing is mapped."""
        place = self._look_up(address)
        return Extent(place.physical, place.length) if place is not None else None

    def read(self, address: int, length: int) -> bytes | None:
        """Bytes, None unless all of them are there."""
        found = b""
        for start, size in _pages(address, length):
            place = self._look_up(start)
            if place is None:
                return None
            try:
                found += self._read(place.physical, size)
            except MemoryFault:
                return None
        return found

    def can_write(self, address: int, length: int) -> bool:
        """Whether a supervisor can write every byte."""
        protect = self._state.cr0 & paging.CR0_WP
        for start, _ in _pages(address, length):
            place = self._look_up(start)
            if place is None or (protect and not place.writable):
                return False
        return self.read(address, length) is not None


def _pages(address: int, length: int) -> Iterator[tuple[int, int]]:
    while length > 0:
        size = min(length, PAGE - address % PAGE)
        yield address, size
        address += size
        length -= size
