"""Memory by linear address, for who looks at the guest from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kvmgdb.arch.machine import Extent
from kvmgdb.errors import MemoryFault
from kvmgdb_x86 import paging

PAGE = 4096

_PRESENT, _WRITE = 1 << 0, 1 << 1


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

    def fault(self, address: int, length: int, *, write: bool) -> tuple[int, int] | None:
        """The page fault a supervisor's access raises: its address and error code (SDM vol. 3, "Page-Fault
        Exceptions": P in bit 0, W/R in bit 1); None where it raises none.
        """
        protect = write and self._state.cr0 & paging.CR0_WP
        for start, _ in _pages(address, length):
            place = self._look_up(start)
            if place is None:
                return start, _WRITE * write
            if protect and not place.writable:
                return start, _PRESENT | _WRITE
        return None

    def is_canonical(self, address: int) -> bool:
        """Whether an address is one at all, in long mode."""
        return paging.is_canonical(self._state, address)


def _pages(address: int, length: int) -> Iterator[tuple[int, int]]:
    while length > 0:
        size = min(length, PAGE - address % PAGE)
        yield address, size
        address += size
        length -= size
