"""Golden values of the Book E and 40x debug registers (masks of Linux' reg_booke.h)."""

from __future__ import annotations

import struct

import pytest

from kvmgdb.arch.arming import register_values
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.layout import DebugLayout
from kvmgdb.arch.slots import Assignment, Request, allocate
from kvmgdb.errors import KvmgdbError
from kvmgdb_ppc.debugregs import debug_layout


def assign(layout: DebugLayout, *requests: Request) -> Assignment:
    answer = allocate(layout, requests)
    assert isinstance(answer, Assignment), answer
    return answer


@pytest.mark.parametrize(
    ("register", "field", "mask"),
    [
        ("DBCR0", "IDM", 0x40000000),
        ("DBCR0", "ICMP", 0x08000000),
        ("DBCR0", "IAC1", 0x00800000),
        ("DBCR0", "IAC4", 0x00100000),
        ("DBCR0", "DAC1R", 0x00080000),
        ("DBCR0", "DAC2W", 0x00010000),
        ("DBCR1", "IAC12M", 0x00C00000),
        ("DBCR1", "IAC4ER", 0x00000300),
        ("DBCR1", "IAC34M", 0x000000C0),
        ("DBCR2", "DAC1US", 0xC0000000),
        ("DBCR2", "DVC1M", 0x000C0000),
        ("DBCR2", "DVC1BE", 0x00000F00),
        ("DBSR", "MRR", 0x30000000),
        ("DBSR", "IAC34ATS", 0x00000001),
        ("MSR", "DE", 0x00000200),
    ],
)
def test_masks_of_the_440(register: str, field: str, mask: int) -> None:
    assert debug_layout("440").by_name[register].by_name[field].mask == mask


@pytest.mark.parametrize(
    ("register", "field", "mask"),
    [
        ("DBSR", "IC", 0x80000000),
        ("DBSR", "TIE", 0x10000000),
        ("DBSR", "IA1", 0x04000000),
        ("DBSR", "IA3", 0x00080000),
        ("DBSR", "DR1", 0x01000000),
        ("DBSR", "DW1", 0x00800000),
        ("DBCR0", "IA12", 0x00200000),
        ("DBCR1", "D1R", 0x80000000),
        ("DBCR1", "D2W", 0x10000000),
    ],
)
def test_masks_of_the_405_are_others(register: str, field: str, mask: int) -> None:
    assert debug_layout("405").by_name[register].by_name[field].mask == mask


@pytest.mark.parametrize(
    ("variant", "numbers"),
    [
        (
            "440",
            {"DBSR": 304, "DBCR0": 308, "DBCR2": 310, "IAC1": 312, "IAC4": 315, "DAC1": 316, "DVC2": 319},
        ),
        ("405", {"DBSR": 0x3F0, "DBCR0": 0x3F2, "DBCR1": 0x3BD, "DAC1": 0x3F6, "DAC2": 0x3F7}),
        ("e500v2", {"IAC2": 313, "DAC2": 317}),
    ],
)
def test_spr_numbers(variant: str, numbers: dict[str, int]) -> None:
    registers = debug_layout(variant).by_name

    assert {name: registers[name].number for name in numbers} == numbers


@pytest.mark.parametrize("variant", ["e500v1", "e500v2", "e500mc"])
def test_an_e500_has_two_iacs_and_no_value_compare(variant: str) -> None:
    names = debug_layout(variant).by_name

    assert {"IAC1", "IAC2", "DAC1", "DAC2"} <= set(names)
    assert not {"IAC3", "IAC4", "DVC1", "DVC2"} & set(names)
    assert "IAC3" not in names["DBCR0"].by_name


def test_only_the_e500mc_has_critical_events() -> None:
    assert "CIRPT" in debug_layout("e500mc").by_name["DBSR"].by_name
    assert "CIRPT" not in debug_layout("e500v2").by_name["DBSR"].by_name


@pytest.mark.parametrize(
    ("request_", "values"),
    [
        (Request(BreakpointKind.HARDWARE, 0x1000), {"IAC1": 0x1000, "DBCR0": 0x40800000, "DBCR1": 0}),
        (Request(BreakpointKind.WRITE, 0x2000, 4), {"DAC1": 0x2000, "DBCR0": 0x40040000, "DBCR2": 0}),
        (Request(BreakpointKind.READ, 0x2000, 4), {"DAC1": 0x2000, "DBCR0": 0x40080000, "DBCR2": 0}),
        (Request(BreakpointKind.ACCESS, 0x2000, 4), {"DAC1": 0x2000, "DBCR0": 0x400C0000, "DBCR2": 0}),
        (
            Request(BreakpointKind.WRITE, 0x2000, 64),
            {"DAC1": 0x2000, "DAC2": 0x2040, "DBCR0": 0x40040000, "DBCR2": 0x00800000},
        ),
        (
            Request(BreakpointKind.HARDWARE, 0x1000, 64),
            {"IAC1": 0x1000, "IAC2": 0x1040, "DBCR0": 0x40800000, "DBCR1": 0x00800000},
        ),
    ],
)
def test_registers_of_the_440(request_: Request, values: dict[str, int]) -> None:
    layout = debug_layout("440")

    assert register_values(layout, assign(layout, request_)) == values


def test_the_405_enables_data_compares_in_dbcr1() -> None:
    layout = debug_layout("405")

    assert register_values(layout, assign(layout, Request(BreakpointKind.WRITE, 0x2000, 4))) == {
        "DAC1": 0x2000,
        "DBCR0": 0x40000000,
        "DBCR1": 0x28000000,
    }


def test_the_kvm_payload_is_sixteen_typed_addresses() -> None:
    layout = debug_layout("e500v2")
    assignment = assign(
        layout, Request(BreakpointKind.HARDWARE, 0x1000), Request(BreakpointKind.ACCESS, 0x2000, 4)
    )

    payload = layout.kvm_debug_arch(assignment, "big")

    assert len(payload) == 256
    assert list(struct.iter_unpack(">QII", payload))[:3] == [(0x1000, 2, 0), (0x2000, 12, 0), (0, 0, 0)]


def test_the_kvm_payload_has_no_ranges() -> None:
    layout = debug_layout("440")

    with pytest.raises(KvmgdbError, match="KVM cannot arm the range DAC1-DAC2"):
        layout.kvm_debug_arch(assign(layout, Request(BreakpointKind.WRITE, 0x2000, 64)), "big")
