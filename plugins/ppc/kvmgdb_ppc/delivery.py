"""How an interrupt enters its handler (Power ISA, book III, "Interrupt Processing"; the cores' manuals).

Data and pure functions: what is saved where, what the new MSR is, where execution goes.
"""

from __future__ import annotations

from dataclasses import dataclass

from kvmgdb_ppc import exceptions
from kvmgdb_ppc.registers import BOOKE

MSR_LE, MSR_IP, MSR_DE, MSR_ME, MSR_PR, MSR_ILE, MSR_CE = 0x1, 0x40, 0x200, 0x1000, 0x4000, 0x1_0000, 0x2_0000
MSR_TGPR = 0x2_0000
"""603e: r0 to r3 are the four temporary registers."""

_CLASSIC_OFFSETS = {
    exceptions.DATA_STORAGE: 0x300,
    exceptions.INSTRUCTION_STORAGE: 0x400,
    exceptions.ALIGNMENT: 0x600,
    exceptions.PROGRAM: 0x700,
    exceptions.ILLEGAL: 0x700,
    exceptions.FLOATING_POINT: 0x800,
    exceptions.SYSTEM_CALL: 0xC00,
    exceptions.TRACE: 0xD00,
    exceptions.VECTOR_UNAVAILABLE: 0xF20,
    exceptions.INSTRUCTION_BREAKPOINT: 0x1300,
    exceptions.INSTRUCTION_MISS: 0x1000,
    exceptions.DATA_LOAD_MISS: 0x1100,
    exceptions.DATA_STORE_MISS: 0x1200,
}

_BOOKE_IVORS = {
    exceptions.DATA_STORAGE: 2,
    exceptions.INSTRUCTION_STORAGE: 3,
    exceptions.ALIGNMENT: 5,
    exceptions.PROGRAM: 6,
    exceptions.ILLEGAL: 6,
    exceptions.FLOATING_POINT: 7,
    exceptions.SYSTEM_CALL: 8,
    exceptions.DATA_TLB: 13,
    exceptions.INSTRUCTION_TLB: 14,
    exceptions.DEBUG: 15,
    exceptions.SPE_UNAVAILABLE: 32,
}
_CRITICAL = frozenset({exceptions.DEBUG})
_OWN_DEBUG_LEVEL = frozenset({"e500mc"})
"""Cores whose debug interrupt has save registers of its own, DSRR0/1 (e500mc manual, "Debug Interrupt")."""

# SRR1 (classic) and ESR (BookE): why it is a program interrupt.
_SRR1_CAUSE = {
    "floating": 0x0010_0000,
    "illegal": 0x0008_0000,
    "privileged": 0x0004_0000,
    "trap": 0x0002_0000,
}
_ESR_CAUSE = {"illegal": 0x0800_0000, "privileged": 0x0400_0000, "trap": 0x0200_0000, "floating": 0x0100_0000}
_SRR1_KEPT = 0x87C0_FFFF

SRR1_NO_TRANSLATION, SRR1_PROTECTED = 0x4000_0000, 0x0800_0000
"""Why it is an instruction storage interrupt (PEM, "ISI Exception")."""
MISSES = frozenset({exceptions.INSTRUCTION_MISS, exceptions.DATA_LOAD_MISS, exceptions.DATA_STORE_MISS})
_SRR1_KEPT_BY_MISS = 0xFFFF
_SRR1_KEY = 0x8_0000
_SRR1_MISS = {exceptions.INSTRUCTION_MISS: 0x4_0000, exceptions.DATA_STORE_MISS: 0x1_0000}
_SR_SUPERVISOR_KEY, _SR_USER_KEY = 0x4000_0000, 0x2000_0000


def miss_detail(number: int, cr: int, segment: int, msr: int) -> int:
    """SRR1 of a TLB miss of the 603e, besides the MSR: CR0, KEY, I/D, S/L (603e manual, "Instruction TLB
    Miss Exception").  WAY, the entry to replace, is 0: any is right.

    ``segment`` is the segment register of the address that missed.
    """
    key = _SR_USER_KEY if msr & MSR_PR else _SR_SUPERVISOR_KEY
    return cr & 0xF000_0000 | (_SRR1_KEY if segment & key else 0) | _SRR1_MISS.get(number, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the processor does when it takes an interrupt."""

    sprs: dict[str, int]
    msr: int
    ivor: str | None
    """The SPR that names the handler with IVPR; None where ``vector`` is its address."""
    vector: int


def entry(variant: str, number: int, cause: str, msr: int, return_pc: int, detail: int = 0) -> Entry | None:
    """How the core takes interrupt ``number``; None where it has no such interrupt.

    ``cause`` is ``illegal``, ``privileged``, ``trap`` or ``floating`` for a program interrupt, else empty;
    ``detail`` holds the bits of a classic core's SRR1 that say more.
    """
    if variant in BOOKE:
        return _booke(variant, number, cause, msr, return_pc)
    return _classic(variant, number, msr, return_pc, detail | _SRR1_CAUSE.get(cause, 0))


def _classic(variant: str, number: int, msr: int, return_pc: int, detail: int) -> Entry | None:
    offset = _CLASSIC_OFFSETS.get(number)
    if offset is None:
        return None
    is_miss = number in MISSES and variant == "603e"
    saved = msr & (_SRR1_KEPT_BY_MISS if is_miss else _SRR1_KEPT) | detail
    following = msr & (MSR_ILE | MSR_ME | MSR_IP)
    following |= (MSR_LE if msr & MSR_ILE else 0) | (MSR_TGPR if is_miss else 0)
    base = 0xFFF0_0000 if msr & MSR_IP else 0
    return Entry({"srr0": return_pc, "srr1": saved}, following, None, base + offset)


def _booke(variant: str, number: int, cause: str, msr: int, return_pc: int) -> Entry | None:
    index = _BOOKE_IVORS.get(number)
    if index is None:
        return None
    critical = number in _CRITICAL
    prefix = ("d" if variant in _OWN_DEBUG_LEVEL else "c") if critical else ""
    sprs = {f"{prefix}srr0": return_pc, f"{prefix}srr1": msr}
    if cause:
        sprs["esr"] = _ESR_CAUSE[cause]
    kept = MSR_ME if critical else MSR_CE | MSR_ME | MSR_DE
    return Entry(sprs, msr & kept, f"ivor{index}", 0)
