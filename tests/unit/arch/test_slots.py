"""Slot allocation: what fits where, how a watch is split, and what a refusal says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.layout import DebugLayout
from kvmgdb.arch.slots import Assignment, Refusal, Request, allocate
from kvmgdb_ppc.debugregs import debug_layout as ppc_layout
from kvmgdb_x86.debugregs import debug_layout as x86_layout

X86 = x86_layout("64")
WATCHES = (BreakpointKind.WRITE, BreakpointKind.ACCESS, BreakpointKind.READ)


def placed(layout: DebugLayout, *requests: Request, **options: object) -> list[tuple[str, int, int]]:
    answer = allocate(layout, requests, **options)  # type: ignore[arg-type]
    assert isinstance(answer, Assignment), answer
    return [(p.slot, p.address, p.length) for p in answer.placements]


def refused(layout: DebugLayout, *requests: Request, **options: object) -> str:
    answer = allocate(layout, requests, **options)  # type: ignore[arg-type]
    assert isinstance(answer, Refusal), answer
    return answer.reason


def breakpoint_at(address: int) -> Request:
    return Request(BreakpointKind.HARDWARE, address)


def watch(address: int, length: int, kind: BreakpointKind = BreakpointKind.WRITE) -> Request:
    return Request(kind, address, length)


def test_x86_gives_any_slot_to_any_kind() -> None:
    assert placed(X86, breakpoint_at(0x1001), watch(0x2000, 4)) == [("DR0", 0x1001, 1), ("DR1", 0x2000, 4)]


def test_x86_splits_sixteen_bytes_over_two_slots() -> None:
    assert placed(X86, watch(0x2000, 16)) == [("DR0", 0x2000, 8), ("DR1", 0x2008, 8)]


def test_x86_splits_an_unaligned_watch_into_aligned_pieces() -> None:
    assert placed(X86, watch(0x2003, 5)) == [("DR0", 0x2003, 1), ("DR1", 0x2004, 4)]


def test_x86_without_long_mode_has_no_eight_byte_watch() -> None:
    assert placed(x86_layout("32"), watch(0x2000, 8)) == [("DR0", 0x2000, 4), ("DR1", 0x2004, 4)]


def test_a_full_machine_names_what_holds_each_slot() -> None:
    reason = refused(X86, *(breakpoint_at(0x1000 * n) for n in range(1, 5)), watch(0x9000, 4))

    assert reason == (
        "no debug register is left for a 4-byte write watchpoint at 0x9000: "
        "DR0 holds a hardware breakpoint at 0x1000, DR1 holds a hardware breakpoint at 0x2000, "
        "DR2 holds a hardware breakpoint at 0x3000, DR3 holds a hardware breakpoint at 0x4000"
    )


def test_a_watch_no_machine_could_hold_says_so() -> None:
    assert refused(X86, watch(0x2000, 64)) == (
        "a 64-byte write watchpoint at 0x2000 does not fit into the 4 debug registers x86:64 has for it"
    )


def test_registers_the_guest_uses_are_left_alone() -> None:
    taken = {"DR0": "the guest's own breakpoint", "DR2": "the guest's own breakpoint"}

    assert placed(X86, breakpoint_at(0x10), breakpoint_at(0x20), taken=taken) == [
        ("DR1", 0x10, 1),
        ("DR3", 0x20, 1),
    ]
    assert "DR0 holds the guest's own breakpoint" in refused(
        X86, *(breakpoint_at(n) for n in range(3)), taken=taken
    )


def test_allocation_changes_nothing_of_what_it_is_given() -> None:
    taken = {"DR0": "the guest's own"}

    allocate(X86, [watch(0x2000, 64)], taken=taken)

    assert taken == {"DR0": "the guest's own"}


@given(
    st.lists(st.tuples(st.sampled_from(WATCHES), st.integers(0, 64), st.integers(1, 20)), max_size=5),
    st.sampled_from(["x86:64", "x86:32", "440", "405", "power9", "power10", "750"]),
)
def test_an_assignment_covers_every_byte_and_no_register_twice(
    wanted: list[tuple[BreakpointKind, int, int]], machine: str
) -> None:
    layout = x86_layout(machine[4:]) if machine.startswith("x86") else ppc_layout(machine)
    requests = [Request(kind, 0x1000 + offset, length) for kind, offset, length in wanted]

    answer = allocate(layout, requests)

    if isinstance(answer, Refusal):
        assert answer.request in requests
        return
    used = [name for p in answer.placements for name in layout.slot_by_name[p.slot].holds]
    assert len(used) == len(set(used))
    for request in requests:
        covered = {
            address
            for p in answer.placements
            if p.request == request
            for address in range(p.address, p.address + p.length)
        }
        assert set(range(request.address, request.address + request.length)) <= covered


@given(st.integers(0, 0xFFFF), st.integers(1, 32))
def test_x86_watches_no_byte_too_many(address: int, length: int) -> None:
    answer = allocate(X86, [watch(address, length)])

    if isinstance(answer, Assignment):
        assert sum(p.length for p in answer.placements) == length
        assert all(p.address % p.length == 0 for p in answer.placements)
        assert all(p.length in (1, 2, 4, 8) for p in answer.placements)


class TestBookE:
    LAYOUT = ppc_layout("440")

    def test_code_and_data_have_registers_of_their_own(self) -> None:
        assert placed(self.LAYOUT, breakpoint_at(0x1000), watch(0x2000, 4)) == [
            ("IAC1", 0x1000, 4),
            ("DAC1", 0x2000, 4),
        ]

    def test_a_long_watch_takes_the_pair_as_a_range(self) -> None:
        assert placed(self.LAYOUT, watch(0x2001, 100)) == [("DAC1-DAC2", 0x2001, 100)]

    def test_an_unaligned_watch_prefers_the_range_to_two_starts(self) -> None:
        assert placed(self.LAYOUT, watch(0x2002, 4)) == [("DAC1-DAC2", 0x2002, 4)]

    def test_a_range_makes_room_by_moving_plain_breakpoints(self) -> None:
        code = Request(BreakpointKind.HARDWARE, 0x4000, 0x100)

        assert placed(self.LAYOUT, breakpoint_at(0x1000), code) == [
            ("IAC1", 0x1000, 4),
            ("IAC3-IAC4", 0x4000, 0x100),
        ]

    def test_a_range_that_finds_one_of_its_registers_taken_is_refused(self) -> None:
        assert refused(self.LAYOUT, watch(0x1000, 4), watch(0x2001, 100)) == (
            "no debug register is left for a 100-byte write watchpoint at 0x2001: "
            "DAC1 holds a 4-byte write watchpoint at 0x1000"
        )

    def test_kvm_has_no_ranges(self) -> None:
        assert "does not fit" in refused(self.LAYOUT, watch(0x2001, 100), kvm=True)

    @pytest.mark.parametrize("variant", ["e500v1", "e500v2", "e500mc"])
    def test_an_e500_has_two_instruction_compares(self, variant: str) -> None:
        layout = ppc_layout(variant)

        assert placed(layout, breakpoint_at(0x10), breakpoint_at(0x20)) == [
            ("IAC1", 0x10, 4),
            ("IAC2", 0x20, 4),
        ]
        assert "IAC2 holds" in refused(layout, *(breakpoint_at(n) for n in (0x10, 0x20, 0x30)))

    def test_an_address_between_instructions_is_refused(self) -> None:
        for variant in ("440", "750"):
            assert refused(ppc_layout(variant), breakpoint_at(0x1002)) == (
                f"a hardware breakpoint at 0x1002 is not on an instruction of ppc:{variant}"
            )

    def test_a_range_of_code_ends_on_an_instruction(self) -> None:
        code = Request(BreakpointKind.HARDWARE, 0x4000, 5)

        assert placed(self.LAYOUT, code) == [("IAC1-IAC2", 0x4000, 8)]


class Test40x:
    def test_one_register_covers_a_line_of_eight_words(self) -> None:
        assert placed(ppc_layout("405"), watch(0x2000, 32)) == [("DAC1", 0x2000, 32)]


class TestBook3S:
    def test_dawr_covers_sixty_four_doublewords(self) -> None:
        assert placed(ppc_layout("power9"), watch(0x2000, 512)) == [("DAWR0", 0x2000, 512)]

    def test_dawr_widens_to_doublewords(self) -> None:
        assert placed(ppc_layout("power9"), watch(0x2005, 4)) == [("DAWR0", 0x2000, 16)]

    def test_before_power10_a_range_stays_inside_its_512_bytes(self) -> None:
        assert "does not fit into the 1 debug register" in refused(ppc_layout("power9"), watch(0x21F8, 16))
        assert placed(ppc_layout("power10"), watch(0x21F8, 16)) == [("DAWR0", 0x21F8, 16)]

    def test_power10_has_a_second_one(self) -> None:
        assert placed(ppc_layout("power10"), watch(0x2000, 8), watch(0x3000, 8)) == [
            ("DAWR0", 0x2000, 8),
            ("DAWR1", 0x3000, 8),
        ]

    def test_a_603e_cannot_watch_data(self) -> None:
        assert refused(ppc_layout("603e"), watch(0x2000, 4)) == (
            "ppc:603e has no debug register for a 4-byte write watchpoint at 0x2000"
        )

    def test_kvm_arms_nothing_there(self) -> None:
        assert "no debug register" in refused(ppc_layout("power9"), breakpoint_at(0x1000), kvm=True)
