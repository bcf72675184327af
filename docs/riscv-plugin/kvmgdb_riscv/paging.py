"""Virtual to physical addresses, as Sv32 and Sv39 have it (privileged architecture, "Supervisor-Level ISA").

A debugger looks at memory whatever the guest may do with it, so permissions are not asked; and where the
engine's own look-up would note a fault, this one changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from kvmgdb.arch.machine import Extent, ReadPhysical
from kvmgdb.errors import MemoryFault
from kvmgdb_riscv.variants import RV32, RV64

PAGE_SHIFT = 12
VALID, READ, WRITE, EXECUTE = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to lay out page tables."""

    mode_shift: int
    """Where satp has its MODE."""
    mode: int
    """The MODE that selects it."""
    ppn_bits: int
    """Of satp and of an entry."""
    levels: int
    index_bits: int
    entry_size: int


SCHEMES = {
    RV64: Scheme(mode_shift=60, mode=8, ppn_bits=44, levels=3, index_bits=9, entry_size=8),  # Sv39
    RV32: Scheme(mode_shift=31, mode=1, ppn_bits=22, levels=2, index_bits=10, entry_size=4),  # Sv32
}


def is_on(variant: str, satp: int) -> bool:
    """Whether ``satp`` selects page tables that are known here."""
    scheme = SCHEMES[variant]
    return satp >> scheme.mode_shift == scheme.mode


def walk(variant: str, satp: int, address: int, read: ReadPhysical) -> Extent | None:
    """Look ``address`` up in the tables; None where nothing is mapped."""
    scheme = SCHEMES[variant]
    ppn_mask = (1 << scheme.ppn_bits) - 1
    table = (satp & ppn_mask) << PAGE_SHIFT
    for level in reversed(range(scheme.levels)):
        shift = PAGE_SHIFT + level * scheme.index_bits
        index = address >> shift & (1 << scheme.index_bits) - 1
        try:
            entry = int.from_bytes(read(table + index * scheme.entry_size, scheme.entry_size), "little")
        except MemoryFault:
            return None
        if not entry & VALID:
            return None
        base = (entry >> 10 & ppn_mask) << PAGE_SHIFT
        if entry & (READ | EXECUTE):
            offset = address & (1 << shift) - 1
            return Extent(base | offset, (1 << shift) - offset)
        table = base
    return None
