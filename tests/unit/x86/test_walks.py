"""Kept walks against walks made anew."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.machine import Extent
from kvmgdb.errors import MemoryFault
from kvmgdb_x86.paging import CR0_PG, CR4_PAE, EFER_LMA, PAGE_SIZE_BIT, PRESENT, PagingState, look_up
from kvmgdb_x86.walks import KEPT, Walks

LONG = (CR0_PG, 0, CR4_PAE, EFER_LMA)
"""The tables begin at 0."""
SIZE = 0x4000
_TABLES = st.sampled_from([0x0000, 0x1000, 0x2000, 0x3000, 0x5000])
_ENTRIES = st.builds(
    lambda table, flags: (table | flags).to_bytes(8, "little"),
    _TABLES,
    st.sampled_from([0, PRESENT, PRESENT, PRESENT | PAGE_SIZE_BIT]),
)
_STATES = st.sampled_from([LONG, (CR0_PG, 0x1000, CR4_PAE, EFER_LMA), (CR0_PG, 0, CR4_PAE, 0), (0, 0, 0, 0)])
_ADDRESSES = st.sampled_from([0, 0x1000, 1 << 21, 1 << 30, 1 << 39, 0x123])


class Memory:
    """A few pages, and nothing behind them."""

    def __init__(self) -> None:
        self.data = bytearray(SIZE)
        self.reads = 0

    def read(self, address: int, length: int) -> bytes:
        self.reads += 1
        if address + length > SIZE:
            raise MemoryFault("outside")
        return bytes(self.data[address : address + length])


def anew(state: tuple[int, int, int, int], address: int, memory: Memory) -> Extent | None:
    try:
        place = look_up(PagingState(*state), address, memory.read)
    except MemoryFault:
        return None
    return Extent(place.physical, place.length) if place is not None else None


@given(st.data())
def test_a_kept_walk_is_what_a_new_one_would_be(data: st.DataObject) -> None:
    """While the guest rewrites entries, loads CR3 and changes its mode."""
    memory, walks = Memory(), Walks()
    for _ in range(data.draw(st.integers(1, 30))):
        place = data.draw(_TABLES.filter(lambda table: table < SIZE)) + 8 * data.draw(st.integers(0, 2))
        memory.data[place : place + 8] = data.draw(_ENTRIES)
        state, address = data.draw(_STATES), data.draw(_ADDRESSES)
        assert walks.translate(state, address, memory.read) == anew(state, address, memory)


def test_no_more_are_kept_than_that() -> None:
    memory, walks = Memory(), Walks()
    for page in range(KEPT + 2):
        walks.translate(LONG, page << 12, memory.read)
    assert len(walks._known) == 2
