"""Debug exits of KVM: no payload, so what was armed is all there is to judge by."""

from __future__ import annotations

import pytest

from kvmgdb.arch.exits import NOTHING_KNOWN, Armed, Event, Owner
from kvmgdb_riscv.exits import RiscvExitDecoder

DECODER = RiscvExitDecoder("rv64")

CASES = [
    (Armed(pc=0x1000, software=frozenset({0x1000})), Owner.OURS, ""),
    (Armed(pc=0x1000, software=frozenset()), Owner.NOT_OURS, ""),
    (Armed(pc=0x1000), Owner.UNKNOWN, "which software breakpoints were set"),
    (Armed(software=frozenset({0x1000})), Owner.UNKNOWN, "the pc register"),
    (NOTHING_KNOWN, Owner.UNKNOWN, "the pc register"),
]


@pytest.mark.parametrize(("armed", "owner", "decide"), CASES)
def test_whose_it_is(armed: Armed, owner: Owner, decide: str) -> None:
    verdict = DECODER.verdict(DECODER.decode(b"", "little"), armed)
    assert (verdict.event, verdict.owner, verdict.decide) == (Event.SOFTWARE_BREAKPOINT, owner, decide)
    assert verdict.address == armed.pc


def test_nothing_is_read_of_what_lies_behind() -> None:
    """``kvm_run`` has a union there; its other members are not ours."""
    assert DECODER.decode(b"\xff" * 32, "little") == DECODER.decode(b"", "little")


def test_no_bytes_of_unknown_origin_are_taken_for_one() -> None:
    assert not DECODER.plausible(b"", "little")
    assert not DECODER.plausible(bytes(32), "little")
