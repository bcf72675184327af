"""The states a guest starts in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.machine import Region
from kvmgdb_x86 import modes
from kvmgdb_x86.paging import PagingState, look_up
from kvmgdb_x86.segments import Descriptor

AREA = modes.tables()


def read(address: int, length: int) -> bytes:
    offset = address - modes.TABLES.start
    assert 0 <= offset <= len(AREA) - length
    return AREA[offset : offset + length]


def descriptor(selector: int) -> Descriptor:
    return Descriptor(int.from_bytes(read(modes.GDT + selector, 8), "little"))


def test_the_tables_fill_their_region() -> None:
    assert len(AREA) == modes.TABLES.size


def test_they_lie_above_any_guest_memory_and_below_four_gibibytes() -> None:
    assert Region(0, 3 << 30, "ram").end <= modes.TABLES.start
    assert modes.TABLES.end <= 1 << 32


@given(st.integers(0, (1 << 32) - 1))
def test_long_mode_starts_with_four_gibibytes_mapped_one_to_one(address: int) -> None:
    mode = modes.MODES["64"]
    state = PagingState(mode.cr0, modes.PAGE_TABLES, mode.cr4, mode.efer)

    place = look_up(state, address, read)
    assert place is not None
    assert (place.physical, place.writable) == (address, True)
    assert place.length <= (1 << 32) - address


@pytest.mark.parametrize("address", [1 << 32, 0x7FFF_FFFF_F000, 0xFFFF_8000_0000_0000, (1 << 64) - 1])
def test_and_nothing_else(address: int) -> None:
    mode = modes.MODES["64"]
    state = PagingState(mode.cr0, modes.PAGE_TABLES, mode.cr4, mode.efer)

    assert look_up(state, address, read) is None


@pytest.mark.parametrize("variant", ["32", "64"])
def test_the_segments_are_flat(variant: str) -> None:
    mode = modes.MODES[variant]
    code, data = descriptor(mode.code), descriptor(mode.data)

    assert (code.code, code.long, code.dpl) == (True, variant == "64", 0)
    assert (data.writable_data, data.dpl) == (True, 0)
    for each in (code, data):
        assert (each.present, each.base, each.limit) == (True, 0, 0xFFFF_FFFF)
    assert max(mode.code, mode.data) + 7 <= modes.GDT_LIMIT


def test_the_first_descriptor_is_null() -> None:
    assert descriptor(0) == Descriptor(0)


# SDM vol. 3: CR0.PE is bit 0, PG bit 31; CR4.PAE bit 5; EFER.LME bit 8, LMA bit 10.
@pytest.mark.parametrize(
    ("variant", "protected", "paging", "pae", "long"),
    [("16", 0, 0, 0, 0x000), ("32", 1, 0, 0, 0x000), ("64", 1, 1 << 31, 1 << 5, 0x500)],
)
def test_control_registers(variant: str, protected: int, paging: int, pae: int, long: int) -> None:
    mode = modes.MODES[variant]

    assert mode.bits == int(variant)
    assert mode.cr0 & 1 == protected
    assert mode.cr0 & 1 << 31 == paging
    assert mode.cr4 & 1 << 5 == pae
    assert mode.efer == long
