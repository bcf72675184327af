"""Golden values of the x86 debug registers."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.arming import register_values
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.slots import Assignment, Request, allocate
from kvmgdb_x86.debugregs import debug_layout

LAYOUT = debug_layout("64")


def assign(*requests: Request) -> Assignment:
    answer = allocate(LAYOUT, requests)
    assert isinstance(answer, Assignment)
    return answer


@pytest.mark.parametrize(
    ("dr6", "names"),
    [
        (0xFFFF4FF0, {"BS"}),  # SDM vol. 3, DR6: a single step
        (0xFFFF0FF1, {"B0"}),
        (0xFFFF2FF0, {"BD"}),  # KVM selftests, debug_regs.c: a DR access with GD set
        (0xFFFF4FF2, {"BS", "B1"}),
        (0xFFFE4FF0, {"BS", "RTM"}),  # RTM is active low
        (0xFFFF07F0, {"BLD"}),  # so is BLD
        (0xFFFF8FF0, {"BT"}),
        (0xFFFF0FF0, set()),
    ],
)
def test_dr6(dr6: int, names: set[str]) -> None:
    register = LAYOUT.by_name["DR6"]

    assert {field.name for field in register.fields if field.is_set(dr6)} == names
    assert register.problems(dr6) == []


def test_dr6_lacks_its_ones_when_a_host_never_wrote_it() -> None:
    assert LAYOUT.by_name["DR6"].problems(0x4000) == ["DR6 lacks bits that always read as one: 0xfffe07f0"]


@pytest.mark.parametrize(
    ("second", "dr7"),
    [
        (Request(BreakpointKind.WRITE, 0x2000, 4), 0x00D0040A),
        (Request(BreakpointKind.ACCESS, 0x2000, 4), 0x00F0040A),
        (Request(BreakpointKind.READ, 0x2000, 4), 0x00F0040A),
        (Request(BreakpointKind.WRITE, 0x2000, 1), 0x0010040A),
        (Request(BreakpointKind.WRITE, 0x2000, 2), 0x0050040A),
        (Request(BreakpointKind.WRITE, 0x2000, 8), 0x0090040A),
    ],
)
def test_dr7_with_a_breakpoint_in_dr0_and_a_watch_in_dr1(second: Request, dr7: int) -> None:
    assignment = assign(Request(BreakpointKind.HARDWARE, 0x1000), second)

    assert register_values(LAYOUT, assignment) == {"DR0": 0x1000, "DR1": 0x2000, "DR7": dr7}


def test_a_read_watch_says_that_it_also_sees_writes() -> None:
    (placement,) = assign(Request(BreakpointKind.READ, 0x2000, 4)).placements

    assert "no read-only watch" in placement.note


def test_the_kvm_payload_is_eight_registers_by_number() -> None:
    assignment = assign(Request(BreakpointKind.HARDWARE, 0x1000), Request(BreakpointKind.WRITE, 0x2000, 4))

    payload = LAYOUT.kvm_debug_arch(assignment, "little")

    assert struct.unpack("<8Q", payload) == (0x1000, 0x2000, 0, 0, 0, 0, 0, 0x00D0040A)


def test_the_kvm_payload_of_nothing_disarms() -> None:
    assert struct.unpack("<8Q", LAYOUT.kvm_debug_arch(Assignment(()), "little"))[7] == 0x400


@given(st.integers(0, 2**32 - 1))
def test_dr7_has_a_name_for_every_bit_that_is_not_fixed(value: int) -> None:
    register = LAYOUT.by_name["DR7"]

    assert register.rest(value) & ~0xD400 == 0


@pytest.mark.parametrize(("variant", "bits"), [("16", 32), ("32", 32), ("64", 64)])
def test_registers_are_as_wide_as_the_processor(variant: str, bits: int) -> None:
    assert {register.bits for register in debug_layout(variant).registers} == {bits}
