"""Guest-physical memory, and virtual ranges cut into pages."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.machine import Extent, Region
from kvmgdb.backends.memory import PAGE, PhysicalMemory, Translate, pieces
from kvmgdb.errors import BackendError, MemoryFault

RAM, ROM = Region(0, 4 * PAGE, "ram"), Region(0xFFFF_0000, PAGE, "rom")


@pytest.fixture
def memory() -> PhysicalMemory:
    return PhysicalMemory((ROM, RAM))


class TestPhysicalMemory:
    def test_it_starts_as_zeros(self, memory: PhysicalMemory) -> None:
        assert memory.read(0, RAM.size) == bytes(RAM.size)

    def test_what_is_written_reads_so(self, memory: PhysicalMemory) -> None:
        memory.write(0xFFE, b"across")
        memory.write(ROM.start, b"boot")

        assert memory.read(0xFFE, 6) == b"across"
        assert memory.read(ROM.start, 4) == b"boot"

    def test_the_regions_come_in_order(self, memory: PhysicalMemory) -> None:
        assert memory.regions == (RAM, ROM)

    @pytest.mark.parametrize("address", [RAM.end, 0x8000_0000, ROM.end, 1 << 64, -1])
    def test_there_is_nothing_between_them(self, memory: PhysicalMemory, address: int) -> None:
        with pytest.raises(MemoryFault, match="no memory at physical address"):
            memory.read(address, 1)
        with pytest.raises(MemoryFault, match="no memory at physical address"):
            memory.write(address, b"x")

    def test_a_range_past_the_end_is_refused_whole(self, memory: PhysicalMemory) -> None:
        last = RAM.end - 2

        with pytest.raises(MemoryFault, match="physical memory ends at 0x4000"):
            memory.write(last, b"abc")
        with pytest.raises(MemoryFault, match="physical memory ends at 0x4000"):
            memory.read(last, 3)
        assert memory.read(last, 2) == bytes(2)

    def test_clearing_makes_zeros_of_everything(self, memory: PhysicalMemory) -> None:
        memory.write(0, b"x" * RAM.size)
        memory.write(ROM.start, b"x")

        memory.clear()

        assert memory.read(0, RAM.size) == bytes(RAM.size)
        assert memory.read(ROM.start, 1) == b"\0"

    def test_the_engine_is_given_the_same_bytes(self, memory: PhysicalMemory) -> None:
        memory.write(ROM.start, b"boot")

        assert ctypes.string_at(memory.pointer(ROM), 4) == b"boot"

    def test_regions_must_not_overlap(self) -> None:
        with pytest.raises(BackendError, match=r"ram .* reaches into rom at 0x3000: give .* less"):
            PhysicalMemory((RAM, Region(0x3000, PAGE, "rom")))

    def test_more_memory_than_the_host_has(self) -> None:
        with pytest.raises(BackendError, match="give the guest less"):
            PhysicalMemory((Region(0, 1 << 62, "ram"),))


def paged(frames: Callable[[int], int | None]) -> Translate:
    """A translation by whole pages, from page number to page number."""

    def translate(address: int) -> Extent | None:
        frame = frames(address // PAGE)
        return None if frame is None else Extent(frame * PAGE + address % PAGE, PAGE - address % PAGE)

    return translate


class TestPieces:
    def test_a_range_within_a_page_is_one(self) -> None:
        assert list(pieces(0x1010, 0x20, paged(lambda page: page + 8))) == [(0x1010, 0x9010, 0x20)]

    def test_a_range_across_pages_is_cut_where_the_translation_is(self) -> None:
        assert list(pieces(0x1FFE, 0x1004, paged(lambda page: page))) == [
            (0x1FFE, 0x1FFE, 2),
            (0x2000, 0x2000, 0x1000),
            (0x3000, 0x3000, 2),
        ]
        assert list(pieces(0x1FFE, 0x1004, lambda a: Extent(a, 1 << 32))) == [(0x1FFE, 0x1FFE, 0x1004)]

    def test_pieces_can_be_made_smaller(self) -> None:
        assert list(pieces(0, 10, lambda a: Extent(a, 1 << 32), largest=8)) == [(0, 0, 8), (8, 8, 2)]

    def test_nothing_is_no_piece(self) -> None:
        assert list(pieces(0x1000, 0, lambda a: None)) == []

    def test_it_ends_where_nothing_is_mapped(self) -> None:
        found = pieces(0x1FFF, 2, paged(lambda page: page if page < 2 else None))

        assert next(found) == (0x1FFF, 0x1FFF, 1)
        with pytest.raises(MemoryFault, match="nothing is mapped at address 0x2000"):
            next(found)

    @given(st.integers(0, 1 << 40), st.integers(0, 5 * PAGE), st.permutations(range(8)))
    def test_each_byte_is_in_a_piece(self, address: int, length: int, frames: list[int]) -> None:
        translate = paged(lambda page: frames[page % 8])

        found = list(pieces(address, length, translate))

        assert [(virtual + i, physical + i) for virtual, physical, size in found for i in range(size)] == [
            (byte, frames[byte // PAGE % 8] * PAGE + byte % PAGE) for byte in range(address, address + length)
        ]
