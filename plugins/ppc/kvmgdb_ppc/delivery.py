"""How an interrupt enters its handler (Power ISA, book III, "Interrupt Processing"; the cores' manuals).

Data and pure functions: what is saved where, what the new MSR is, where execution goes.
"""

from __future__ import annotations

from dataclasses import dataclass

from kvmgdb_ppc import exceptions
from kvmgdb_ppc.registers import BOOKE

MSR_LE, MSR_IP, MSR_DE, MSR_ME, MSR_ILE, MSR_CE = 0x1, 0x40, 0x200, 0x1000, 0x1_0000, 0x2_0000

_CLASSIC_OFFSETS = {
    exceptions.DATA_STORAGE: 0x300,
    exceptions.INSTRUCTION_STORAGE: 0x400,
    exceptions.ALIGNMENT: 0x600,
    exceptions.PROGRAM: 0x700,
    exceptions.ILLEGAL: 0x700,
    exceptions.FLOATING_POINT: 0x800,
    exceptions.SYSTEM_CALL: 0xC00,
    exceptions.TRACE: 0xD00,
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
_SRR1_CAUSE = {"illegal": 0x0008_0000, "privileged": 0x0004_0000, "trap": 0x0002_0000}
_ESR_CAUSE = {"illegal": 0x0800_0000, "privileged": 0x0400_0000, "trap": 0x0200_0000}
_SRR1_KEPT = 0x87C0_FFFF


@dataclass(frozen=True, slots=True)
class Entry:
    """What the processor does when it takes an interrupt."""

    sprs: dict[str, int]
    msr: int
    ivor: str | None
    """The SPR that names the handler with IVPR; None where ``vector`` is its address."""
    vector: int


def entry(variant: str, number: int, cause: str, msr: int, return_pc: int) -> Entry | None:
    """How the core takes interrupt ``number``; None where it has no such interrupt.

    ``cause`` is ``illegal``, ``privileged`` or ``trap`` for a program interrupt, else empty.
    """
    if variant in BOOKE:
        return _booke(variant, number, cause, msr, return_pc)
    return _classic(number, cause, msr, return_pc)


def _classic(number: int, cause: str, msr: int, return_pc: int) -> Entry | None:
    offset = _CLASSIC_OFFSETS.get(number)
    if offset is None:
        return None
    saved = msr & _SRR1_KEPT | _SRR1_CAUSE.get(cause, 0)
    little = MSR_LE if msr & MSR_ILE else 0
    base = 0xFFF0_0000 if msr & MSR_IP else 0
    return Entry(
        {"srr0": return_pc, "srr1": saved}, msr & (MSR_ILE | MSR_ME | MSR_IP) | little, None, base + offset
    )


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
