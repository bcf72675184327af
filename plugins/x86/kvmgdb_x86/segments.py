"""Segment bases from the descriptor tables (SDM vol. 3, "Segment Descriptors").

The processor keeps them in hidden registers, which neither KVM's nor the emulator's interface gives in
full; for a guest that loaded its segments the usual way the tables say the same.  Not so in "unreal
mode", where the hidden base or limit no longer matches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

CR0_PE = 1
EFLAGS_VM = 1 << 17
EFER_LMA = 1 << 10


@dataclass(frozen=True, slots=True)
class SegmentState:
    """What the meaning of a selector depends on."""

    cr0: int
    eflags: int
    efer: int
    gdtr_base: int
    gdtr_limit: int
    ldtr_base: int
    cs: int

    @property
    def real(self) -> bool:
        """Real or virtual-8086 mode: a selector is a paragraph number."""
        return not self.cr0 & CR0_PE or bool(self.eflags & EFLAGS_VM)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One 8-byte segment descriptor."""

    raw: int

    @property
    def base(self) -> int:
        """Base address."""
        return ((self.raw >> 16) & 0xFF_FFFF) | ((self.raw >> 32) & 0xFF00_0000)

    @property
    def limit(self) -> int:
        """Last valid offset."""
        limit = (self.raw & 0xFFFF) | ((self.raw >> 32) & 0xF_0000)
        return (limit << 12) | 0xFFF if self.raw >> 55 & 1 else limit

    @property
    def long(self) -> bool:
        """The L bit: 64-bit code."""
        return bool(self.raw >> 53 & 1)


ReadLinear = Callable[[int, int], bytes | None]
"""(linear address, length) -> bytes, None where nothing is mapped."""


def descriptor(state: SegmentState, selector: int, read: ReadLinear) -> Descriptor | None:
    """The descriptor ``selector`` names; None for a null selector or one that is not there."""
    if not selector & 0xFFFC:
        return None
    table = state.ldtr_base if selector & 4 else state.gdtr_base
    if not selector & 4 and (selector | 7) > state.gdtr_limit:
        return None
    raw = read(table + (selector & 0xFFF8), 8)
    return Descriptor(int.from_bytes(raw, "little")) if raw is not None else None


def code_is_64_bit(state: SegmentState, read: ReadLinear) -> bool:
    """Whether the processor executes 64-bit code: long mode is active and CS has its L bit."""
    if not state.efer & EFER_LMA:
        return False
    found = descriptor(state, state.cs, read)
    return found is None or found.long


def base(state: SegmentState, selector: int, read: ReadLinear) -> int:
    """Base of the CS, SS, DS or ES that holds ``selector``; 0 where nothing says."""
    if state.real:
        return (selector & 0xFFFF) << 4
    if code_is_64_bit(state, read):
        return 0
    found = descriptor(state, selector, read)
    return found.base if found is not None else 0
