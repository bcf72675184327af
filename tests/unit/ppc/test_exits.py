"""Debug exits of PowerPC: one status for two events, and payloads that are not written."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.arming import ArmedSlot
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.exits import NOTHING_KNOWN, Armed, Event, Owner, Verdict
from kvmgdb.errors import PayloadError
from kvmgdb_ppc.exits import exit_decoder

PC = 0xC0001000
HERE, NOWHERE = frozenset({PC}), frozenset[int]()
BREAK = ArmedSlot("IAC2", BreakpointKind.HARDWARE, PC, 4)
WATCH = ArmedSlot("DAC1", BreakpointKind.ACCESS, 0x2000, 4)


def payload(status: int, address: int = PC, reserved: int = 0) -> bytes:
    return struct.pack(">QII", address, status, reserved)


def judge(data: bytes, armed: Armed = NOTHING_KNOWN, variant: str = "e500v2") -> Verdict:
    decoder = exit_decoder(variant)
    return decoder.verdict(decoder.decode(data, "big"), armed)


def codes(verdict: Verdict) -> set[str]:
    return {quirk.code for quirk in verdict.quirks}


@given(st.binary(min_size=16, max_size=16), st.sampled_from(["440", "power9"]))
def test_any_payload_gets_a_verdict(data: bytes, variant: str) -> None:
    for armed in (
        NOTHING_KNOWN,
        Armed((BREAK, WATCH), HERE, stepping=True),
        Armed((), NOWHERE, stepping=False),
    ):
        assert judge(data, armed, variant).sentence


def test_both_byte_orders_are_read() -> None:
    decoder = exit_decoder("440")

    assert decoder.decode(payload(2), "big").values == {"address": PC, "status": 2, "reserved": 0}
    assert decoder.decode(struct.pack("<QII", PC, 2, 0), "little").pc == PC


def test_a_short_payload_names_the_field_that_is_cut_off() -> None:
    with pytest.raises(PayloadError, match="ends at byte 10, inside status"):
        judge(payload(0)[:10])


class TestStatusZero:
    """A step and a software breakpoint look the same: what was armed decides, if it can."""

    @pytest.mark.parametrize(
        ("software", "stepping", "event", "owner"),
        [
            (HERE, False, Event.SOFTWARE_BREAKPOINT, Owner.OURS),
            (HERE, True, Event.STEP_OR_SOFTWARE_BREAKPOINT, Owner.OURS),
            (HERE, None, Event.STEP_OR_SOFTWARE_BREAKPOINT, Owner.UNKNOWN),
            (NOWHERE, True, Event.STEP, Owner.OURS),
            (NOWHERE, False, Event.SOFTWARE_BREAKPOINT, Owner.NOT_OURS),
            (NOWHERE, None, Event.STEP_OR_SOFTWARE_BREAKPOINT, Owner.UNKNOWN),
            (None, False, Event.SOFTWARE_BREAKPOINT, Owner.UNKNOWN),
            (None, True, Event.STEP_OR_SOFTWARE_BREAKPOINT, Owner.UNKNOWN),
            (None, None, Event.STEP_OR_SOFTWARE_BREAKPOINT, Owner.UNKNOWN),
        ],
    )
    def test_what_was_armed_decides(
        self, software: frozenset[int] | None, stepping: bool | None, event: Event, owner: Owner
    ) -> None:
        verdict = judge(payload(0), Armed(software=software, stepping=stepping))

        assert (verdict.event, verdict.owner) == (event, owner)

    def test_when_both_are_possible_it_says_what_would_decide(self) -> None:
        verdict = judge(payload(0))

        assert verdict.sentence == (
            "at 0xc0001000: a single step or a software breakpoint (status 0 stands for both)"
        )
        assert verdict.decide == (
            "whether a software breakpoint is set at 0xc0001000, and whether a step was asked for"
        )


class TestBookEHardware:
    def test_an_iac_hit_names_its_slot(self) -> None:
        verdict = judge(payload(2), Armed((BREAK,)))

        assert (verdict.owner, verdict.slot) == (Owner.OURS, "IAC2")
        assert verdict.sentence == "a hardware breakpoint, IAC2, before the instruction at 0xc0001000"

    def test_an_iac_hit_nobody_armed(self) -> None:
        assert judge(payload(2), Armed(())).owner is Owner.NOT_OURS

    @pytest.mark.parametrize(("status", "kind"), [(4, "a write"), (8, "a read"), (12, "a write")])
    def test_a_dac_hit_names_the_kind_the_host_saw_first(self, status: int, kind: str) -> None:
        verdict = judge(payload(status, 0x2000), Armed((WATCH,)))

        assert verdict.sentence == f"a 4-byte access watchpoint, DAC1 at 0x2000, hit by {kind}"
        assert codes(verdict) == {"address-programmed", "access-names-one-kind"}

    def test_a_dac_hit_has_no_pc(self) -> None:
        verdict = judge(payload(4, 0x2000))

        assert verdict.pc is None
        assert "the pc is not in the payload" in verdict.decide
        assert "address-programmed" in codes(verdict)

    def test_a_dac_hit_nobody_armed(self) -> None:
        assert judge(payload(4, 0x3000), Armed((WATCH,))).owner is Owner.NOT_OURS

    def test_a_status_no_kernel_writes_is_unknown(self) -> None:
        verdict = judge(payload(0x12345670))

        assert verdict.event is Event.UNKNOWN
        assert codes(verdict) == {"status-unknown-bits"}

    def test_stale_reserved_bytes_are_named(self) -> None:
        assert codes(judge(payload(0, reserved=7))) == {"reserved-not-zero"}


class TestBook3S:
    """KVM HV leaves status as it was; KVM PR writes neither status nor address for a step."""

    def test_status_is_never_taken_at_its_word(self) -> None:
        verdict = judge(payload(0x12345678), Armed(software=HERE, stepping=False), "power9")

        assert (verdict.event, verdict.owner) == (Event.SOFTWARE_BREAKPOINT, Owner.OURS)
        assert codes(verdict) == {"status-not-written", "address-not-written"}

    def test_a_step_ends_where_the_pc_register_says(self) -> None:
        verdict = judge(payload(0, 0xDEAD), Armed(software=NOWHERE, stepping=True), "power9")

        assert (verdict.event, verdict.pc) == (Event.STEP, None)
        assert verdict.decide == "the pc register says where"

    def test_the_pc_register_is_believed_instead(self) -> None:
        armed = Armed(software=NOWHERE, stepping=True, pc=0x4000)

        verdict = judge(payload(0, 0xDEAD), armed, "power9")

        assert (verdict.event, verdict.pc) == (Event.STEP, 0x4000)

    def test_an_exit_nothing_explains(self) -> None:
        assert judge(payload(0), Armed(software=NOWHERE, stepping=False), "750").owner is Owner.NOT_OURS

    def test_without_context_both_are_possible(self) -> None:
        verdict = judge(payload(0), variant="750")

        assert verdict.event is Event.STEP_OR_SOFTWARE_BREAKPOINT
        assert verdict.sentence == (
            "a software breakpoint at 0xc0001000, or a step whose exit left an old address there"
        )
