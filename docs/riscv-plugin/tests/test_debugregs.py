"""The triggers: what fits into them, and that what is armed is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.arming import armed_slots, register_values
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.slots import Assignment, Refusal, Request, allocate
from kvmgdb_riscv.debugregs import debug_layout
from kvmgdb_riscv.variants import XLEN

VARIANTS = tuple(XLEN)

variants = st.sampled_from(VARIANTS)
kinds = st.sampled_from([kind for kind in BreakpointKind if kind is not BreakpointKind.SOFTWARE])


@pytest.mark.parametrize(("variant", "expected"), [("rv64", 0x2000_0000_0003_0000), ("rv32", 0x2003_0000)])
def test_a_write_watch_of_four_bytes(variant: str, expected: int) -> None:
    """Type 2, size 3, in machine, supervisor and user mode, on a store."""
    layout = debug_layout(variant)
    assignment = allocate(layout, [Request(BreakpointKind.WRITE, 0x1000, 4)])
    assert isinstance(assignment, Assignment)
    values = register_values(layout, assignment)
    assert values == {"TDATA2_0": 0x1000, "MCONTROL0": expected | 0b101_1010}


@given(variants, kinds, st.integers(0, 1 << 20), st.sampled_from([1, 2, 4]))
def test_what_is_armed_is_read_back(variant: str, kind: BreakpointKind, block: int, length: int) -> None:
    layout = debug_layout(variant)
    length = length if kind.is_watch else 2
    assignment = allocate(layout, [Request(kind, block * length, length)])
    assert isinstance(assignment, Assignment)
    [armed] = armed_slots(layout, register_values(layout, assignment))
    assert (armed.slot, armed.kind, armed.address, armed.length) == ("trigger0", kind, block * length, length)


@pytest.mark.parametrize("variant", VARIANTS)
def test_only_the_wide_variant_watches_eight_bytes_with_one(variant: str) -> None:
    request = Request(BreakpointKind.ACCESS, 0x1000, 8)
    assignment = allocate(debug_layout(variant), [request])
    assert isinstance(assignment, Assignment)
    assert len(assignment.slots_of(request)) == 64 // XLEN[variant]
    assert all("just this size" in placement.note for placement in assignment.placements)


def test_a_third_is_refused_with_who_has_the_others() -> None:
    requests = [Request(BreakpointKind.HARDWARE, address) for address in (0x100, 0x200, 0x300)]
    refusal = allocate(debug_layout("rv64"), requests)
    assert isinstance(refusal, Refusal)
    assert refusal.request == requests[2]
    assert "TDATA2_0 holds a hardware breakpoint at 0x100" in refusal.reason


def test_kvm_arms_none() -> None:
    """``struct kvm_guest_debug_arch`` is empty on RISC-V."""
    layout = debug_layout("rv64")
    assert isinstance(allocate(layout, [Request(BreakpointKind.HARDWARE, 0x100)], kvm=True), Refusal)
    assert layout.kvm_debug_arch(Assignment(()), "little") == b""
