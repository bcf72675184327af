"""Page walks against tables built from a mapping (SDM vol. 3, "Paging")."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.errors import MemoryFault
from kvmgdb_x86.paging import (
    CR0_PG,
    CR4_LA57,
    CR4_PAE,
    CR4_PSE,
    EFER_LMA,
    PAGE_SIZE_BIT,
    PRESENT,
    WRITABLE,
    PagingState,
    Place,
    look_up,
    translate,
)

ROOT = 0x1000

OFF = PagingState(0, ROOT, 0, 0)
PLAIN_32 = PagingState(CR0_PG, ROOT, 0, 0)
PSE_32 = PagingState(CR0_PG, ROOT, CR4_PSE, 0)
PAE = PagingState(CR0_PG, ROOT, CR4_PAE, 0)
LONG = PagingState(CR0_PG, ROOT, CR4_PAE, EFER_LMA)
LONG_57 = PagingState(CR0_PG, ROOT, CR4_PAE | CR4_LA57, EFER_LMA)

# The address bits that select the entry at each level, highest first: (lowest bit, number of bits).
LEVELS = {
    PLAIN_32: ((22, 10), (12, 10)),
    PSE_32: ((22, 10), (12, 10)),
    PAE: ((30, 2), (21, 9), (12, 9)),
    LONG: ((39, 9), (30, 9), (21, 9), (12, 9)),
    LONG_57: ((48, 9), (39, 9), (30, 9), (21, 9), (12, 9)),
}
BITS = {PLAIN_32: 32, PSE_32: 32, PAE: 32, LONG: 48, LONG_57: 57}
NAMES = {PLAIN_32: "32-bit", PSE_32: "32-bit with PSE", PAE: "PAE", LONG: "4 levels", LONG_57: "5 levels"}
# The sizes of pages, by the lowest address bit of the entry that maps them.
PAGES = {PLAIN_32: (12,), PSE_32: (12, 22), PAE: (12, 21), LONG: (12, 21, 30), LONG_57: (12, 21, 30)}


class Tables:
    """Page tables in a dictionary of entries."""

    def __init__(self, state: PagingState) -> None:
        self.state = state
        self.size = 4 if BITS[state] == 32 and not state.cr4 & CR4_PAE else 8
        self.entries: dict[int, int] = {}
        self._next = ROOT + 0x1000

    def read(self, address: int, length: int) -> bytes:
        assert length == self.size
        return self.entries.get(address, 0).to_bytes(length, "little")

    def map(self, virtual: int, physical: int, shift: int = 12, flags: int = PRESENT | WRITABLE) -> int:
        """Map the page at ``virtual``; the address of its entry."""
        table = ROOT
        for low, bits in LEVELS[self.state]:
            entry = table + (virtual >> low & (1 << bits) - 1) * self.size
            if low == shift:
                large = PAGE_SIZE_BIT if shift > 12 else 0
                high = (physical >> 32) << 13 if self.size == 4 else 0  # PSE-36
                kept = physical & 0xFFFF_FFFF if self.size == 4 else physical
                self.entries[entry] = kept | high | large | flags
                return entry
            if entry not in self.entries:
                self.entries[entry] = self._next | PRESENT | WRITABLE
                self._next += 0x1000
            table = self.entries[entry] & ~0xFFF
        raise AssertionError(f"no entry maps pages of {1 << shift:#x} bytes")


def canonical(state: PagingState, address: int) -> int:
    bits = BITS[state]
    if bits == 32 or not address >> (bits - 1) & 1:
        return address
    return address | (1 << 64) - (1 << bits)


STATES = pytest.mark.parametrize("state", LEVELS, ids=NAMES.get)


@STATES
@given(st.data())
def test_a_mapping_is_found_and_nothing_else_is(state: PagingState, data: st.DataObject) -> None:
    """Pages of 4 KiB anywhere map to any frame, read-only or not."""
    frames = 1 << (20 if Tables(state).size == 4 else 40)
    pages = data.draw(
        st.dictionaries(
            st.integers(0, (1 << BITS[state] - 12) - 1),
            st.tuples(st.integers(0, frames - 1), st.booleans()),
            min_size=1,
            max_size=6,
        )
    )
    offset = data.draw(st.integers(0, 0xFFF))
    tables = Tables(state)
    for page, (frame, writable) in pages.items():
        tables.map(page << 12, frame << 12, flags=PRESENT | (WRITABLE if writable else 0))

    for page, (frame, writable) in pages.items():
        address = canonical(state, page << 12 | offset)
        assert look_up(state, address, tables.read) == Place(frame << 12 | offset, 0x1000 - offset, writable)
        if page + 1 not in pages and (page + 1) >> (BITS[state] - 12) == 0:
            assert translate(state, canonical(state, (page + 1) << 12), tables.read) is None


@pytest.mark.parametrize(
    ("state", "shift"), [(state, shift) for state, sizes in PAGES.items() for shift in sizes], ids=str
)
@given(offset=st.integers(0, (1 << 30) - 1))
def test_pages_of_every_size(state: PagingState, shift: int, offset: int) -> None:
    offset &= (1 << shift) - 1
    virtual, physical = 0xC000_0000, 0x8000_0000
    tables = Tables(state)
    tables.map(virtual, physical, shift)

    assert translate(state, virtual + offset, tables.read) == physical + offset


def test_a_four_mebibyte_page_may_lie_above_four_gibibytes() -> None:
    """PSE-36: bits 20 to 13 of the entry are bits 39 to 32 of the page's address."""
    tables = Tables(PSE_32)
    tables.map(0x40_0000, 0x12_3440_0000, 22)

    assert translate(PSE_32, 0x40_0123, tables.read) == 0x12_3440_0123


def test_without_pse_the_page_size_bit_means_nothing() -> None:
    tables = Tables(PLAIN_32)
    tables.map(0x40_0000, 0x8000)
    tables.entries[ROOT + 4] |= PAGE_SIZE_BIT

    assert translate(PLAIN_32, 0x40_0000, tables.read) == 0x8000


def test_bit_7_of_a_small_page_is_no_page_size() -> None:
    """There it is PAT."""
    tables = Tables(LONG)
    tables.map(0x1000, 0x8000, flags=PRESENT | PAGE_SIZE_BIT)

    assert look_up(LONG, 0x1234, tables.read) == Place(0x8234, 0xDCC, writable=False)


def test_bits_that_are_not_the_address_do_not_count() -> None:
    """No-execute, protection key, available bits; low bits of a large page's entry (PAT)."""
    tables = Tables(LONG)
    tables.map(0x1000, 0x8000, flags=0xFFF0_0000_0000_0E7F)
    tables.map(0x20_0000, 0x40_0000, 21, flags=0xFFF0_0000_0000_1E7F)

    assert translate(LONG, 0x1234, tables.read) == 0x8234
    assert translate(LONG, 0x20_1234, tables.read) == 0x40_1234


@STATES
def test_an_entry_that_is_not_present_maps_nothing(state: PagingState) -> None:
    tables = Tables(state)
    entry = tables.map(0x1000, 0x8000)

    for each in [entry, ROOT]:
        kept = tables.entries[each]
        tables.entries[each] &= ~PRESENT
        assert translate(state, 0x1000, tables.read) is None
        tables.entries[each] = kept
    assert translate(state, 0x1000, tables.read) == 0x8000


@pytest.mark.parametrize("state", [PLAIN_32, LONG, LONG_57], ids=NAMES.get)
def test_read_only_at_any_level_is_read_only(state: PagingState) -> None:
    """A PAE directory pointer has no such bit."""
    tables = Tables(state)
    tables.map(0x1000, 0x8000)
    for entry in tables.entries:
        kept = tables.entries[entry]
        tables.entries[entry] &= ~WRITABLE
        assert look_up(state, 0x1000, tables.read) == Place(0x8000, 0x1000, writable=False)
        tables.entries[entry] = kept
    assert look_up(state, 0x1000, tables.read) == Place(0x8000, 0x1000, writable=True)


@pytest.mark.parametrize(
    ("state", "address"),
    [
        (LONG, 0x0000_8000_0000_0000),
        (LONG, 0xFFFF_7FFF_FFFF_FFFF),
        (LONG, 1 << 63),
        (LONG, 1 << 64),
        (LONG_57, 0x0100_0000_0000_0000),
        (LONG_57, 0xFEFF_FFFF_FFFF_FFFF),
    ],
)
def test_an_address_that_is_not_canonical_maps_nothing(state: PagingState, address: int) -> None:
    assert translate(state, address, lambda *_: b"\xff" * 8) is None


@pytest.mark.parametrize("state", [PLAIN_32, PAE], ids=NAMES.get)
def test_without_long_mode_an_address_has_32_bits(state: PagingState) -> None:
    tables = Tables(state)
    tables.map(0xC000_0000, 0x8000)

    assert translate(state, 0xFFFF_FFFF_C000_0010, tables.read) == 0x8010


def test_the_low_bits_of_cr3_are_flags() -> None:
    """PCD, PWT, or a process-context identifier; a PAE table may lie on any 32 bytes."""
    for state in (PLAIN_32, LONG, LONG_57):
        tables = Tables(state)
        tables.map(0x1000, 0x8000)
        assert translate(state._replace(cr3=ROOT | 0x18), 0x1000, tables.read) == 0x8000

    tables = Tables(PAE)
    tables.entries = {ROOT + 0x20: 0x2000 | PRESENT, 0x2000: 0x3000 | PRESENT, 0x3008: 0x8000 | PRESENT}
    assert translate(PAE._replace(cr3=ROOT + 0x20 | 0x18), 0x1000, tables.read) == 0x8000


def test_without_paging_an_address_is_physical() -> None:
    def never(address: int, length: int) -> bytes:
        raise AssertionError("no table is read")

    assert look_up(OFF, 0x1234, never) == Place(0x1234, (1 << 64) - 0x1234, writable=True)


def test_a_table_outside_memory_is_the_callers_to_report() -> None:
    def read(address: int, length: int) -> bytes:
        raise MemoryFault("no memory")

    with pytest.raises(MemoryFault):
        translate(LONG, 0x1000, read)
