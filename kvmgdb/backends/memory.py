"""Guest-physical memory: our own mappings, so that reading it is a slice of bytes."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Iterable, Iterator

from kvmgdb.arch.machine import Extent, Region
from kvmgdb.errors import BackendError, MemoryFault

PAGE = 4096


class PhysicalMemory:
    """The byte-backed regions of one guest."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self.regions = tuple(sorted(regions, key=lambda region: region.start))
        for low, high in zip(self.regions, self.regions[1:], strict=False):
            if low.end > high.start:
                raise BackendError(
                    f"guest memory {low.name} ({low.start:#x} to {low.end:#x}) reaches into {high.name} at "
                    f"{high.start:#x}: give the guest less memory"
                )
        self._maps = [_map(region) for region in self.regions]
        self._spans = [(r.start, r.end, m) for r, m in zip(self.regions, self._maps, strict=True)]

    def pointer(self, region: Region) -> int:
        """The host address of a region's first byte."""
        return ctypes.addressof(ctypes.c_char.from_buffer(self._maps[self.regions.index(region)]))

    def page(self, address: int) -> memoryview | None:
        """The bytes of the page at ``address`` themselves, read and written by the guest; None if there is
        none.
        """
        first = address & -PAGE
        for start, end, data in self._spans:
            if start <= first < end:
                return memoryview(data)[first - start : first - start + PAGE]
        return None

    def read(self, address: int, length: int) -> bytes:
        """``length`` bytes, or :class:`MemoryFault`."""
        last = address + length
        for start, end, data in self._spans:
            if start <= address < end and last <= end:
                return data[address - start : last - start]
        raise self._missing(address, length)

    def write(self, address: int, data: bytes) -> None:
        """Write all of ``data``, or nothing and :class:`MemoryFault`."""
        last = address + len(data)
        for start, end, here in self._spans:
            if start <= address < end and last <= end:
                here[address - start : last - start] = data
                return
        raise self._missing(address, len(data))

    def _missing(self, address: int, length: int) -> MemoryFault:
        for start, end, _ in self._spans:
            if start <= address < end:
                return MemoryFault(
                    f"physical memory ends at {end:#x}; {address:#x} + {length:#x} goes past it"
                )
        return MemoryFault(f"no memory at physical address {address:#x}")

    def clear(self) -> None:
        """Fill everything with zeros."""
        for mapping in self._maps:
            mapping.madvise(mmap.MADV_DONTNEED)


def _map(region: Region) -> mmap.mmap:
    try:
        return mmap.mmap(-1, region.size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (OSError, ValueError, OverflowError) as problem:
        raise BackendError(
            f"this host has no {region.size} bytes for guest memory {region.name} ({problem}): "
            "give the guest less"
        ) from problem


Translate = Callable[[int], Extent | None]


def pieces(
    address: int, length: int, translate: Translate, largest: int = 1 << 64
) -> Iterator[tuple[int, int, int]]:
    """A virtual range as (virtual, physical, length) pieces that cross no physical multiple of ``largest``.

    Raises:
        MemoryFault: at the first byte that is not mapped.
    """
    while length > 0:
        found = translate(address)
        if found is None:
            raise MemoryFault(f"nothing is mapped at address {address:#x}")
        part = min(length, found.length, largest - found.physical % largest)
        yield address, found.physical, part
        address += part
        length -= part
