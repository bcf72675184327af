"""Linear to physical addresses: a walk of the guest's page tables that changes nothing.

SDM vol. 3, "Paging".  A debugger looks through every permission, so only presence counts; accessed and
dirty bits stay as they are (the emulator's own translation call would set CR2, so it is not used).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

ReadPhysical = Callable[[int, int], bytes]

CR0_WP = 1 << 16
CR0_PG = 1 << 31
CR4_PSE = 1 << 4
CR4_PAE = 1 << 5
CR4_LA57 = 1 << 12
EFER_LMA = 1 << 10

PRESENT = 1
WRITABLE = 1 << 1
PAGE_SIZE_BIT = 1 << 7
_ADDRESS = 0x000F_FFFF_FFFF_F000


class PagingState(NamedTuple):
    """The registers paging depends on."""

    cr0: int
    cr3: int
    cr4: int
    efer: int


class Place(NamedTuple):
    """Where a linear address lies."""

    physical: int
    length: int
    """Bytes from the address to the end of its page, or of everything."""
    writable: bool
    """What the tables say; without CR0.WP a supervisor writes anyway."""


def translate(state: PagingState, address: int, read: ReadPhysical) -> int | None:
    """Physical address of linear ``address``; None where nothing is mapped.

    ``read`` may raise for a table that lies outside memory; that is the caller's error to report.
    """
    place = look_up(state, address, read)
    return place.physical if place is not None else None


def look_up(state: PagingState, address: int, read: ReadPhysical) -> Place | None:
    """The same with the right to write."""
    if not state.cr0 & CR0_PG:
        return Place(address, (1 << 64) - address, writable=True)
    if state.efer & EFER_LMA:
        return _walk_long(state, address, read)
    address &= 0xFFFF_FFFF
    return _walk_pae(state, address, read) if state.cr4 & CR4_PAE else _walk_32(state, address, read)


def _entry(read: ReadPhysical, table: int, index: int, size: int) -> int:
    return int.from_bytes(read(table + index * size, size), "little")


def _walk_long(state: PagingState, address: int, read: ReadPhysical) -> Place | None:
    if not is_canonical(state, address):
        return None
    return _walk_levels(state.cr3 & _ADDRESS, 48 if state.cr4 & CR4_LA57 else 39, address, read)


def is_canonical(state: PagingState, address: int) -> bool:
    """Whether the bits above those that are translated are copies of the highest of them (SDM vol. 1,
    "Canonical Addressing").
    """
    width = 57 if state.cr4 & CR4_LA57 else 48
    return address >> (width - 1) in (0, (1 << (65 - width)) - 1)


def _walk_pae(state: PagingState, address: int, read: ReadPhysical) -> Place | None:
    entry = _entry(read, state.cr3 & 0xFFFF_FFE0, address >> 30, 8)
    return _walk_levels(entry & _ADDRESS, 21, address, read) if entry & PRESENT else None


def _walk_levels(table: int, shift: int, address: int, read: ReadPhysical) -> Place | None:
    """Tables of 512 eight-byte entries, down to a 4 KiB page or an entry with the page-size bit."""
    rights = WRITABLE
    while True:
        entry = int.from_bytes(read(table + ((address >> shift) & 0x1FF) * 8, 8), "little")
        if not entry & PRESENT:
            return None
        rights &= entry
        if shift == 12 or (entry & PAGE_SIZE_BIT and shift <= 30):
            size = 1 << shift
            offset = address & (size - 1)
            return Place((entry & _ADDRESS & -size) | offset, size - offset, bool(rights))
        table = entry & _ADDRESS
        shift -= 9


def _walk_32(state: PagingState, address: int, read: ReadPhysical) -> Place | None:
    entry = _entry(read, state.cr3 & 0xFFFF_F000, address >> 22, 4)
    if not entry & PRESENT:
        return None
    rights = entry & WRITABLE
    if entry & PAGE_SIZE_BIT and state.cr4 & CR4_PSE:
        high = (entry >> 13) & 0xFF  # PSE-36: bits 39:32 of the page
        offset = address & 0x3F_FFFF
        return Place((high << 32) | (entry & 0xFFC0_0000) | offset, 0x40_0000 - offset, bool(rights))
    entry = _entry(read, entry & 0xFFFF_F000, (address >> 12) & 0x3FF, 4)
    if not entry & PRESENT:
        return None
    offset = address & 0xFFF
    return Place((entry & 0xFFFF_F000) | offset, 0x1000 - offset, bool(rights & entry))
