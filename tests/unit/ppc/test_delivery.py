"""How an interrupt enters its handler, by core (PEM, "Exceptions"; the cores' manuals, "Interrupts")."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb_ppc import delivery, exceptions
from kvmgdb_ppc.delivery import Entry, entry
from kvmgdb_ppc.registers import BOOKE

CLASSIC = ("603e", "750", "7457")
words = st.integers(0, 0xFFFF_FFFF)
addresses = st.integers(0, 0x3FFF_FFFF).map(lambda value: 4 * value)

MISSES = sorted(delivery.MISSES)
# What a classic core's new MSR keeps of the old one; the rest is cleared (PEM, table "MSR Setting Due to
# Exception"), LE comes from ILE.
KEPT = delivery.MSR_ILE | delivery.MSR_ME | delivery.MSR_IP


@pytest.mark.parametrize("variant", CLASSIC)
@given(msr=words, pc=addresses)
def test_a_classic_core_saves_in_srr0_and_srr1(variant: str, msr: int, pc: int) -> None:
    found = entry(variant, exceptions.SYSTEM_CALL, "", msr, pc)
    assert found is not None
    assert found.sprs == {"srr0": pc, "srr1": msr & 0x87C0_FFFF}  # bits 1-4 and 10-15 say why
    assert found.msr & ~delivery.MSR_LE == msr & KEPT
    assert bool(found.msr & delivery.MSR_LE) == bool(msr & delivery.MSR_ILE)
    assert found.vector == (0xFFF0_0C00 if msr & delivery.MSR_IP else 0xC00)
    assert found.ivor is None


@pytest.mark.parametrize(
    ("cause", "srr1", "esr"),
    [
        ("floating", 0x0010_0000, 0x0100_0000),
        ("illegal", 0x0008_0000, 0x0800_0000),
        ("privileged", 0x0004_0000, 0x0400_0000),
        ("trap", 0x0002_0000, 0x0200_0000),
    ],
)
def test_why_it_is_a_program_interrupt(cause: str, srr1: int, esr: int) -> None:
    classic = entry("750", exceptions.PROGRAM, cause, 0, 0x100)
    booke = entry("440", exceptions.PROGRAM, cause, 0, 0x100)
    assert classic is not None
    assert booke is not None
    assert classic.sprs["srr1"] == srr1
    assert booke.sprs == {"srr0": 0x100, "srr1": 0, "esr": esr}


@pytest.mark.parametrize("variant", sorted(BOOKE))
@given(msr=words, pc=addresses)
def test_a_noncritical_interrupt_of_booke(variant: str, msr: int, pc: int) -> None:
    kept = delivery.MSR_CE | delivery.MSR_ME | delivery.MSR_DE
    expected = Entry({"srr0": pc, "srr1": msr}, msr & kept, "ivor8", 0)
    assert entry(variant, exceptions.SYSTEM_CALL, "", msr, pc) == expected


@pytest.mark.parametrize("variant", sorted(BOOKE))
@given(msr=words, pc=addresses)
def test_a_debug_interrupt_of_booke(variant: str, msr: int, pc: int) -> None:
    first, second = ("dsrr0", "dsrr1") if variant == "e500mc" else ("csrr0", "csrr1")
    expected = Entry({first: pc, second: msr}, msr & delivery.MSR_ME, "ivor15", 0)
    assert entry(variant, exceptions.DEBUG, "", msr, pc) == expected


@pytest.mark.parametrize("number", MISSES)
@given(msr=words)
def test_a_miss_of_the_603e_keeps_half_of_srr1_for_itself(number: int, msr: int) -> None:
    found = entry("603e", number, "", msr, 0x100, 0x5009_0000)
    other = entry("7457", number, "", msr, 0x100)
    assert found is not None
    assert other is not None
    assert found.sprs["srr1"] == msr & 0xFFFF | 0x5009_0000
    assert found.msr == other.msr | delivery.MSR_TGPR


@pytest.mark.parametrize(("number", "bits"), [(MISSES[0], 0x4_0000), (MISSES[1], 0), (MISSES[2], 0x1_0000)])
@pytest.mark.parametrize(
    ("segment", "msr", "key"),
    [
        (0x4000_0000, 0, True),
        (0x4000_0000, delivery.MSR_PR, False),
        (0x2000_0000, delivery.MSR_PR, True),
        (0x2000_0000, 0, False),
    ],
    ids=["Ks in the kernel", "Ks in a program", "Kp in a program", "Kp in the kernel"],
)
def test_what_a_miss_tells_its_handler(number: int, bits: int, segment: int, msr: int, key: bool) -> None:
    assert delivery.miss_detail(number, 0x1234_5678, segment, msr) == 0x1000_0000 | bits | key << 19


@pytest.mark.parametrize("variant", [*sorted(CLASSIC), *sorted(BOOKE)])
def test_what_a_core_does_not_have(variant: str) -> None:
    foreign = exceptions.DATA_TLB if variant in CLASSIC else exceptions.TRACE
    assert entry(variant, foreign, "", 0, 0) is None


@pytest.mark.parametrize(
    ("number", "word", "cause", "is_debug"),
    [
        (exceptions.PROGRAM, 0x7FE0_0008, "trap", True),
        (exceptions.PROGRAM, 0x0F03_0005, "trap", True),  # twi
        (exceptions.PROGRAM, 0xFC61_1024, "floating", False),  # fdiv
        (exceptions.PROGRAM, 0xEC61_1024, "floating", False),  # fdivs
        (exceptions.PROGRAM, 0x7C60_00A6, "privileged", False),  # mfmsr
        (exceptions.ILLEGAL, 0, "illegal", False),
        (exceptions.SYSTEM_CALL, 0x4400_0002, "", False),
    ],
)
def test_the_cause_follows_from_the_instruction(number: int, word: int, cause: str, is_debug: bool) -> None:
    raised = exceptions.make(number, 0x100, word, None)
    assert exceptions.cause(raised) == cause
    assert raised.debug is is_debug
