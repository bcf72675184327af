"""The walk through page tables, against tables made for one page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.machine import Extent
from kvmgdb.errors import MemoryFault
from kvmgdb_riscv import paging
from kvmgdb_riscv.variants import RV32, RV64

ROOT = 0x10_0000
PAGE = 1 << paging.PAGE_SHIFT


class Tables:
    """Tables that map one page or superpage, one table after the other from :data:`ROOT` on."""

    def __init__(self, variant: str, address: int, frame: int, leaf_level: int) -> None:
        self.scheme = paging.SCHEMES[variant]
        self.satp = self.scheme.mode << self.scheme.mode_shift | ROOT >> paging.PAGE_SHIFT
        self._entries: dict[int, int] = {}
        table = ROOT
        for level in reversed(range(leaf_level, self.scheme.levels)):
            index = address >> self.shift(level) & (1 << self.scheme.index_bits) - 1
            is_leaf = level == leaf_level
            target, rights = (frame, paging.READ | paging.EXECUTE) if is_leaf else (table + PAGE, 0)
            place = table + index * self.scheme.entry_size
            self._entries[place] = target >> paging.PAGE_SHIFT << 10 | rights | paging.VALID
            table += PAGE

    def shift(self, level: int) -> int:
        return paging.PAGE_SHIFT + level * self.scheme.index_bits

    def read(self, address: int, length: int) -> bytes:
        return self._entries.get(address, 0).to_bytes(length, "little")


@given(st.sampled_from([RV64, RV32]), st.integers(0, (1 << 32) - 1), st.data())
def test_an_address_of_the_page_and_one_that_is_not(variant: str, address: int, data: st.DataObject) -> None:
    level = data.draw(st.integers(0, paging.SCHEMES[variant].levels - 1))
    shift = paging.PAGE_SHIFT + level * paging.SCHEMES[variant].index_bits
    frame = data.draw(st.integers(0, (1 << 34) - 1)) >> shift << shift
    tables = Tables(variant, address, frame, level)
    offset = address & (1 << shift) - 1
    assert paging.is_on(variant, tables.satp)
    assert paging.walk(variant, tables.satp, address, tables.read) == Extent(
        frame + offset, (1 << shift) - offset
    )
    assert paging.walk(variant, tables.satp, address ^ 1 << shift, tables.read) is None


def test_tables_that_are_not_in_memory_map_nothing() -> None:
    def read(address: int, length: int) -> bytes:
        raise MemoryFault(f"no memory at {address:#x}")

    assert paging.walk(RV64, 8 << 60, 0x1000, read) is None


@pytest.mark.parametrize(("variant", "satp"), [(RV64, 0), (RV32, 0), (RV64, 9 << 60 | 0x100)])
def test_no_translation_and_one_that_is_not_known(variant: str, satp: int) -> None:
    """MODE 9 is Sv48."""
    assert not paging.is_on(variant, satp)
