"""Guest-physical memory: our own mappings, so that reading it is a slice of bytes."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Iterable

from kvmgdb.arch.machine import Region
from kvmgdb.errors import BackendError, MemoryFault

PAGE = 4096
_PAGE_MASK = PAGE - 1


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
        self._views = [memoryview(m) for m in self._maps]

    def pointer(self, region: Region) -> int:
        """The host address of a region's first byte."""
        view = self._views[self.regions.index(region)]
        return ctypes.addressof(ctypes.c_char.from_buffer(view))

    def page(self, address: int) -> memoryview | None:
        """The bytes of the page at ``address`` themselves, read and written by the guest; None if there is
        none.
        """
        try:
            view, offset = self._find(address & ~_PAGE_MASK, PAGE)
        except MemoryFault:
            return None
        return view[offset : offset + PAGE]

    def _find(self, address: int, length: int) -> tuple[memoryview, int]:
        for region, view in zip(self.regions, self._views, strict=True):
            if region.start <= address < region.end:
                if address + length > region.end:
                    raise MemoryFault(
                        f"physical memory ends at {region.end:#x}; {address:#x} + {length:#x} goes past it"
                    )
                return view, address - region.start
        raise MemoryFault(f"no memory at physical address {address:#x}")

    def read(self, address: int, length: int) -> bytes:
        """``length`` bytes, or :class:`MemoryFault`."""
        view, offset = self._find(address, length)
        return bytes(view[offset : offset + length])

    def write(self, address: int, data: bytes) -> None:
        """Write all of ``data``, or nothing and :class:`MemoryFault`."""
        view, offset = self._find(address, len(data))
        view[offset : offset + len(data)] = data

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


Translate = Callable[[int], int | None]


def pieces(address: int, length: int, translate: Translate) -> Iterable[tuple[int, int, int]]:
    """A virtual range as (virtual, physical, length) pieces that lie within one page each.

    Raises:
        MemoryFault: at the first page that is not mapped.
    """
    while length > 0:
        part = min(length, PAGE - (address & _PAGE_MASK))
        physical = translate(address)
        if physical is None:
            raise MemoryFault(f"nothing is mapped at address {address:#x}")
        yield address, physical, part
        address += part
        length -= part
