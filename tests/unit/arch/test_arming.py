"""Slots as register contents, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.arming import ArmedSlot, armed_slots, register_values
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.layout import DebugLayout
from kvmgdb.arch.slots import Assignment, Placement, Request, allocate
from kvmgdb_ppc.debugregs import debug_layout as ppc_layout
from kvmgdb_x86.debugregs import debug_layout as x86_layout

X86 = x86_layout("64")
KINDS = (BreakpointKind.HARDWARE, BreakpointKind.WRITE, BreakpointKind.ACCESS)


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 0x3F), st.integers(1, 8)), max_size=4),
    st.sampled_from(["x86", "440", "e500v2", "405", "750", "970", "power10"]),
)
def test_what_is_armed_can_be_read_back(wanted: list[tuple[BreakpointKind, int, int]], machine: str) -> None:
    layout = X86 if machine == "x86" else ppc_layout(machine)
    requests = [Request(kind, 0x1000 + 8 * word, length) for kind, word, length in wanted]
    answer = allocate(layout, requests)
    if not isinstance(answer, Assignment):
        return

    found = armed_slots(layout, register_values(layout, answer))

    expected = {ArmedSlot(p.slot, p.request.kind, p.address, _length(layout, p)) for p in answer.placements}
    assert set(found) == expected


def _length(layout: DebugLayout, placement: Placement) -> int:
    """A Book E data compare matches where an access starts: its registers hold no length."""
    slot = layout.slot_by_name[placement.slot]
    use = slot.use(placement.request.kind)
    assert use is not None
    return 1 if use.spans and not use.spans[-1].settings and len(use.spans) > 1 else placement.length


def test_nothing_armed_needs_nothing_written() -> None:
    assert register_values(X86, Assignment(())) == {}


def test_what_the_registers_held_before_is_kept() -> None:
    answer = allocate(X86, [Request(BreakpointKind.HARDWARE, 0x10)], taken={"DR0": "the guest's"})
    assert isinstance(answer, Assignment)

    values = register_values(X86, answer, {"DR0": 0x1234, "DR7": 0x403})

    assert values == {"DR0": 0x1234, "DR1": 0x10, "DR7": 0x40B}


def test_a_dr7_alone_says_what_is_armed_but_not_where() -> None:
    assert [str(armed) for armed in armed_slots(X86, {"DR7": 0x00D0040A})] == [
        "a hardware breakpoint",
        "a 4-byte write watchpoint",
    ]


@pytest.mark.parametrize("enable", [0x401, 0x402, 0x403])
def test_either_enable_bit_arms_an_x86_slot(enable: int) -> None:
    assert armed_slots(X86, {"DR0": 0x1000, "DR7": enable}) == (
        ArmedSlot("DR0", BreakpointKind.HARDWARE, 0x1000, 1),
    )


def test_an_io_breakpoint_is_armed_but_no_kind_of_gdb() -> None:
    (armed,) = armed_slots(X86, {"DR0": 0x3F8, "DR7": 0x00020402})

    assert armed.kind is None
    assert str(armed) == "a breakpoint of a kind gdb does not have at 0x3f8"


def test_a_range_counts_once() -> None:
    values = {"DBCR0": 0x40040000, "DBCR2": 0x00800000, "DAC1": 0x2000, "DAC2": 0x2100}

    assert armed_slots(ppc_layout("440"), values) == (
        ArmedSlot("DAC1-DAC2", BreakpointKind.WRITE, 0x2000, 0x100),
    )
