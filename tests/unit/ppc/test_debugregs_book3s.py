"""Golden values of the Book3S debug registers (Power ISA Book III; user's manuals of the 603e to 970)."""

from __future__ import annotations

import pytest

from kvmgdb.arch.arming import register_values
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.slots import Assignment, Request, allocate
from kvmgdb_ppc.debugregs_book3s import debug_layout


@pytest.mark.parametrize(
    ("variant", "registers"),
    [
        ("603e", {"IABR", "MSR"}),
        ("750", {"IABR", "DABR", "DSISR", "MSR"}),
        ("7457", {"IABR", "DABR", "DSISR", "MSR"}),
        ("970", {"DABR", "DABRX", "DSISR", "MSR"}),
        ("power8", {"CIABR", "DAWR0", "DAWRX0", "DSISR", "MSR"}),
        ("power9", {"CIABR", "DAWR0", "DAWRX0", "DSISR", "MSR"}),
        ("power10", {"CIABR", "DAWR0", "DAWRX0", "DAWR1", "DAWRX1", "DSISR", "MSR"}),
    ],
)
def test_each_processor_has_its_own(variant: str, registers: set[str]) -> None:
    assert set(debug_layout(variant).by_name) == registers


@pytest.mark.parametrize(
    ("variant", "request_", "values"),
    [
        ("603e", Request(BreakpointKind.HARDWARE, 0x1000), {"IABR": 0x1002}),
        ("750", Request(BreakpointKind.HARDWARE, 0x1000), {"IABR": 0x1003}),
        ("750", Request(BreakpointKind.WRITE, 0x2000, 4), {"DABR": 0x2006}),
        ("750", Request(BreakpointKind.READ, 0x2000, 4), {"DABR": 0x2005}),
        ("970", Request(BreakpointKind.ACCESS, 0x2000, 8), {"DABR": 0x2007, "DABRX": 0xB}),
        ("power9", Request(BreakpointKind.HARDWARE, 0x1000), {"CIABR": 0x1002}),
        ("power9", Request(BreakpointKind.WRITE, 0x2000, 8), {"DAWR0": 0x2000, "DAWRX0": 0x4B}),
        ("power9", Request(BreakpointKind.READ, 0x2000, 64), {"DAWR0": 0x2000, "DAWRX0": 0x1C2B}),
        ("power9", Request(BreakpointKind.ACCESS, 0x2000, 512), {"DAWR0": 0x2000, "DAWRX0": 0xFC6B}),
    ],
)
def test_register_values(variant: str, request_: Request, values: dict[str, int]) -> None:
    layout = debug_layout(variant)
    answer = allocate(layout, [request_])
    assert isinstance(answer, Assignment)

    assert register_values(layout, answer) == values


@pytest.mark.parametrize(
    ("register", "number"),
    [("DAWR0", 0xB4), ("DAWR1", 0xB5), ("DAWRX0", 0xBC), ("DAWRX1", 0xBD), ("CIABR", 0xBB)],
)
def test_spr_numbers_of_power10(register: str, number: int) -> None:
    assert debug_layout("power10").by_name[register].number == number


def test_spr_numbers_of_the_970() -> None:
    registers = debug_layout("970").by_name

    assert (registers["DABR"].number, registers["DABRX"].number) == (0x3F5, 0x3F7)


def test_single_step_and_branch_step_are_bits_of_the_msr() -> None:
    fields = debug_layout("750").by_name["MSR"].by_name

    assert (fields["SE"].mask, fields["BE"].mask) == (0x400, 0x200)


def test_ciabr_says_that_it_sees_one_state_only() -> None:
    answer = allocate(debug_layout("power9"), [Request(BreakpointKind.HARDWARE, 0x1000)])
    assert isinstance(answer, Assignment)

    assert answer.placements[0].note == "hits in supervisor state only, and after the instruction"
