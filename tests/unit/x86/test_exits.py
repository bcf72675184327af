"""Debug exits of x86: what they say, and whose they are."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.arming import ArmedSlot
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.exits import NOTHING_KNOWN, Armed, Event, Owner, Verdict
from kvmgdb.errors import PayloadError
from kvmgdb_x86.exits import exit_decoder

DECODER = exit_decoder("64")
PC = 0x401000
STEP, HIT0, HIT1, GD = 0xFFFF4FF0, 0xFFFF0FF1, 0xFFFF0FF2, 0xFFFF2FF0
BREAK = ArmedSlot("DR0", BreakpointKind.HARDWARE, PC, 1)
WATCH = ArmedSlot("DR1", BreakpointKind.WRITE, 0x2000, 4)


def payload(exception: int, dr6: int = 0xFFFF0FF0, dr7: int = 0x400, pc: int = PC) -> bytes:
    return struct.pack("<IIQQQ", exception, 0, pc, dr6, dr7)


def judge(data: bytes, armed: Armed = NOTHING_KNOWN) -> Verdict:
    return DECODER.verdict(DECODER.decode(data, "little"), armed)


def codes(verdict: Verdict) -> set[str]:
    return {quirk.code for quirk in verdict.quirks}


def test_the_payload_is_thirty_two_bytes() -> None:
    assert DECODER.form.size == struct.calcsize("<IIQQQ")


def test_a_short_payload_names_the_field_that_is_cut_off() -> None:
    with pytest.raises(PayloadError, match="ends at byte 20, inside dr6"):
        DECODER.decode(bytes(20), "little")


@given(st.binary(min_size=32, max_size=64), st.integers(0, 2**64 - 1))
def test_any_payload_gets_a_verdict(data: bytes, address: int) -> None:
    armed = Armed((ArmedSlot("DR3", BreakpointKind.ACCESS, address, 8),), frozenset({address}), stepping=True)

    for context in (NOTHING_KNOWN, armed):
        assert judge(data, context).sentence


@given(st.binary(min_size=32, max_size=32))
def test_a_payload_can_be_put_together_again(data: bytes) -> None:
    assert DECODER.form.pack(DECODER.decode(data, "little").values, "little") == data


class TestSoftwareBreakpoint:
    def test_it_is_ours_when_it_is_on_the_list(self) -> None:
        verdict = judge(payload(3), Armed(software=frozenset({PC})))

        assert (verdict.event, verdict.owner) == (Event.SOFTWARE_BREAKPOINT, Owner.OURS)
        assert verdict.sentence == "a software breakpoint of ours: an INT3 at 0x401000"

    def test_it_is_the_guests_when_it_is_not(self) -> None:
        verdict = judge(payload(3), Armed(software=frozenset()))

        assert verdict.owner is Owner.NOT_OURS
        assert verdict.sentence == "an INT3 at 0x401000 that is not ours: the guest's own"

    def test_without_a_list_it_says_what_would_decide(self) -> None:
        verdict = judge(payload(3))

        assert verdict.owner is Owner.UNKNOWN
        assert "list of software breakpoints" in verdict.decide

    def test_debug_registers_in_the_payload_are_stale(self) -> None:
        stale = judge(payload(3, dr6=HIT0, dr7=0x403))

        assert stale.event is Event.SOFTWARE_BREAKPOINT
        assert codes(stale) == {"stale-dr6", "stale-dr7"}
        assert codes(judge(payload(3, dr6=0, dr7=0))) == set()


class TestStep:
    @pytest.mark.parametrize(
        ("stepping", "owner"), [(True, Owner.OURS), (False, Owner.NOT_OURS), (None, Owner.UNKNOWN)]
    )
    def test_it_is_whoever_asked_for_it(self, stepping: bool | None, owner: Owner) -> None:
        verdict = judge(payload(1, STEP), Armed(stepping=stepping))

        assert (verdict.event, verdict.owner, verdict.before) == (Event.STEP, owner, True)

    def test_two_spellings_of_a_step_differ_in_a_warning_only(self) -> None:
        plain, other = judge(payload(1, 0xFFFF4FF0)), judge(payload(1, 0xFFFE4FF0))

        assert plain.event is other.event is Event.STEP
        assert codes(other) - codes(plain) == {"active-low-rtm"}


class TestWatchpoint:
    def test_the_verdict_is_one_sentence(self) -> None:
        verdict = judge(payload(1, HIT1), Armed((WATCH,)))

        assert verdict.owner is Owner.OURS
        assert verdict.sentence == (
            "a 4-byte write watchpoint, DR1 at 0x2000, hit by the instruction before 0x401000"
        )
        assert (verdict.slot, verdict.address, verdict.length) == ("DR1", 0x2000, 4)

    def test_a_step_does_not_hide_it(self) -> None:
        verdict = judge(payload(1, STEP | 0x2), Armed((WATCH,), stepping=True))

        assert verdict.event is Event.WATCHPOINT
        assert verdict.sentence.endswith("; a single step ended here too")

    def test_the_payloads_own_dr7_names_it_but_not_its_owner(self) -> None:
        verdict = judge(payload(1, HIT1, 0x00D0040A))

        assert verdict.owner is Owner.UNKNOWN
        assert verdict.sentence == "a 4-byte write watchpoint, DR1, hit by the instruction before 0x401000"

    def test_an_io_breakpoint_is_named(self) -> None:
        verdict = judge(payload(1, HIT0, 0x00020402))

        assert verdict.event is Event.IO_BREAKPOINT


class TestHardwareBreakpoint:
    def test_it_stands_before_its_instruction(self) -> None:
        verdict = judge(payload(1, HIT0), Armed((BREAK,)))

        assert (verdict.event, verdict.owner, verdict.before) == (
            Event.HARDWARE_BREAKPOINT,
            Owner.OURS,
            False,
        )
        assert verdict.sentence == "a hardware breakpoint, DR0, before the instruction at 0x401000"

    def test_another_address_in_our_slot_is_the_guests(self) -> None:
        verdict = judge(payload(1, HIT0, pc=0x5000), Armed((BREAK,)))

        assert verdict.owner is Owner.NOT_OURS
        assert "ours is at 0x401000" in verdict.sentence

    def test_a_slot_that_is_not_armed_here_is_the_guests(self) -> None:
        verdict = judge(payload(1, 0xFFFF0FF4), Armed((BREAK,)))

        assert verdict.owner is Owner.NOT_OURS
        assert verdict.sentence.startswith("DR2 matched")

    def test_two_matches_are_both_named(self) -> None:
        assert "; DR1 matched too" in judge(payload(1, 0xFFFF0FF3), Armed((BREAK, WATCH))).sentence

    def test_without_any_dr7_it_says_so(self) -> None:
        verdict = judge(payload(1, HIT0, dr7=0))

        assert (verdict.owner, verdict.decide) == (Owner.UNKNOWN, "DR7 as it was armed")
        assert "dr7-unwritten" in codes(verdict)


class TestQuirks:
    def test_a_match_of_a_slot_that_is_off_means_nothing(self) -> None:
        verdict = judge(payload(1, STEP | 0x4), Armed((BREAK,), stepping=True))

        assert verdict.event is Event.STEP
        assert "slot-off" in codes(verdict)

    def test_missing_always_one_bits_are_named(self) -> None:
        assert "dr6-ones-missing" in codes(judge(payload(1, 0x4000)))

    def test_a_clean_payload_has_none(self) -> None:
        assert codes(judge(payload(1, STEP))) == set()


class TestOthers:
    def test_a_debug_register_access_is_the_guests(self) -> None:
        verdict = judge(payload(1, GD))

        assert (verdict.event, verdict.owner) == (Event.DEBUG_REGISTER_ACCESS, Owner.NOT_OURS)

    @pytest.mark.parametrize(
        ("dr6", "event"), [(0xFFFF8FF0, Event.TASK_SWITCH), (0xFFFF07F0, Event.BUS_LOCK)]
    )
    def test_rare_events(self, dr6: int, event: Event) -> None:
        assert judge(payload(1, dr6)).event is event

    def test_no_event_at_all_looks_like_int1(self) -> None:
        assert "INT1" in judge(payload(1)).sentence

    def test_another_exception_is_no_debug_exit(self) -> None:
        assert judge(payload(14)).sentence.startswith("exception 14 is neither #DB (1) nor #BP (3)")
