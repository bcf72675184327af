"""Descriptors and gates, bit by bit (SDM vol. 3, "Segment Descriptors", "IDT Descriptors")."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb_x86.segments import Descriptor, Gate

# As Linux has them (arch/x86/kernel/cpu/common.c, gdt_page; GDT_ENTRY_INIT).
KERNEL_CODE_64 = Descriptor(0x00AF_9B00_0000_FFFF)
KERNEL_CODE_32 = Descriptor(0x00CF_9B00_0000_FFFF)
KERNEL_DATA = Descriptor(0x00CF_9300_0000_FFFF)
USER_DATA = Descriptor(0x00CF_F300_0000_FFFF)
CODE_16 = Descriptor(0x0000_9B00_0000_FFFF)
TSS_32 = Descriptor(0x0000_8B00_0000_0067)


@pytest.mark.parametrize(
    ("descriptor", "code", "writable", "long", "dpl", "limit"),
    [
        (KERNEL_CODE_64, True, False, True, 0, 0xFFFF_FFFF),
        (KERNEL_CODE_32, True, False, False, 0, 0xFFFF_FFFF),
        (KERNEL_DATA, False, True, False, 0, 0xFFFF_FFFF),
        (USER_DATA, False, True, False, 3, 0xFFFF_FFFF),
        (CODE_16, True, False, False, 0, 0xFFFF),
        (TSS_32, False, False, False, 0, 0x67),
    ],
)
def test_descriptors_of_a_kernel(
    descriptor: Descriptor, code: bool, writable: bool, long: bool, dpl: int, limit: int
) -> None:
    assert descriptor.present
    assert descriptor.base == 0
    assert (descriptor.code, descriptor.writable_data, descriptor.long) == (code, writable, long)
    assert (descriptor.dpl, descriptor.limit) == (dpl, limit)


def test_the_null_descriptor() -> None:
    null = Descriptor(0)

    assert not null.present
    assert not null.code
    assert not null.writable_data


def test_a_code_segment_may_conform() -> None:
    assert Descriptor(0x00CF_9F00_0000_FFFF).conforming
    assert not KERNEL_CODE_32.conforming


def test_a_data_segment_that_is_read_only_is_no_stack() -> None:
    assert not Descriptor(0x00CF_9100_0000_FFFF).writable_data


@given(st.integers(0, 0xFFFF_FFFF), st.integers(0, 0xF_FFFF), st.booleans())
def test_base_and_limit_are_scattered_over_the_descriptor(base: int, limit: int, pages: bool) -> None:
    raw = limit & 0xFFFF | (base & 0xFF_FFFF) << 16 | 0x93 << 40 | (limit >> 16) << 48 | (base >> 24) << 56
    descriptor = Descriptor(raw | pages << 55)

    assert descriptor.base == base
    assert descriptor.limit == (limit << 12 | 0xFFF if pages else limit)


@given(
    offset=st.integers(0, (1 << 64) - 1),
    selector=st.integers(0, 0xFFFF),
    kind=st.sampled_from([Gate.INTERRUPT_32, Gate.TRAP_32]),
    dpl=st.integers(0, 3),
    table=st.integers(0, 7),
    reserved=st.integers(0, 0xFFFF_FFFF),
)
def test_a_gate_of_long_mode(
    offset: int, selector: int, kind: int, dpl: int, table: int, reserved: int
) -> None:
    low = offset & 0xFFFF | selector << 16 | table << 32 | kind << 40 | dpl << 45 | 1 << 47
    raw = low | (offset >> 16 & 0xFFFF) << 48 | (offset >> 32) << 64 | reserved << 96
    gate = Gate(raw, wide=True)

    assert (gate.offset, gate.selector, gate.type, gate.dpl) == (offset, selector, kind, dpl)
    assert gate.stack_table == table
    assert gate.present


@given(offset=st.integers(0, 0xFFFF_FFFF), selector=st.integers(0, 0xFFFF), dpl=st.integers(0, 3))
def test_a_gate_of_protected_mode(offset: int, selector: int, dpl: int) -> None:
    raw = offset & 0xFFFF | selector << 16 | 0xE << 40 | dpl << 45 | (offset >> 16) << 48
    gate = Gate(raw, wide=False)

    assert (gate.offset, gate.selector, gate.type, gate.dpl) == (offset, selector, Gate.INTERRUPT_32, dpl)
    assert gate.stack_table == 0
    assert not gate.present
