"""Segment descriptors (SDM vol. 3, "Segment Descriptors")."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One 8-byte descriptor of the GDT or an LDT."""

    raw: int

    @property
    def base(self) -> int:
        """Base address, its low 32 bits."""
        return ((self.raw >> 16) & 0xFF_FFFF) | ((self.raw >> 32) & 0xFF00_0000)

    @property
    def limit(self) -> int:
        """Last valid offset."""
        limit = (self.raw & 0xFFFF) | ((self.raw >> 32) & 0xF_0000)
        return (limit << 12) | 0xFFF if self.raw >> 55 & 1 else limit

    @property
    def present(self) -> bool:
        """P."""
        return bool(self.raw >> 47 & 1)

    @property
    def dpl(self) -> int:
        """Descriptor privilege level."""
        return self.raw >> 45 & 3

    @property
    def code(self) -> bool:
        """A code segment (and neither data nor a system segment)."""
        return self.raw >> 43 & 0x3 == 0x3

    @property
    def conforming(self) -> bool:
        """Of a code segment: it runs at its caller's privilege."""
        return bool(self.raw >> 42 & 1)

    @property
    def writable_data(self) -> bool:
        """A data segment that can be a stack."""
        return self.raw >> 43 & 0x3 == 0x2 and bool(self.raw >> 41 & 1)

    @property
    def wide(self) -> bool:
        """D of a code segment, B of a stack: 32 bits."""
        return bool(self.raw >> 54 & 1)

    @property
    def long(self) -> bool:
        """L: 64-bit code."""
        return bool(self.raw >> 53 & 1)


@dataclass(frozen=True, slots=True)
class Gate:
    """One entry of the IDT (SDM vol. 3, "IDT Descriptors"; "64-Bit Mode IDT")."""

    raw: int
    wide: bool
    """16 bytes (long mode) or 8."""

    TASK, INTERRUPT_16, TRAP_16, INTERRUPT_32, TRAP_32 = 0x5, 0x6, 0x7, 0xE, 0xF

    @property
    def selector(self) -> int:
        """Code segment of the handler."""
        return self.raw >> 16 & 0xFFFF

    @property
    def offset(self) -> int:
        """Address of the handler in its segment."""
        low = self.raw & 0xFFFF | self.raw >> 32 & 0xFFFF_0000
        return low | (self.raw >> 64 & 0xFFFF_FFFF) << 32 if self.wide else low

    @property
    def type(self) -> int:
        """Gate type."""
        return self.raw >> 40 & 0x1F

    @property
    def dpl(self) -> int:
        """Least privilege a software interrupt may come from."""
        return self.raw >> 45 & 3

    @property
    def names_handler(self) -> bool:
        """An interrupt or trap gate; in long mode, those of 32 bits are 64-bit gates."""
        return self.type in (self.INTERRUPT_32, self.TRAP_32) or (
            not self.wide and self.type in (self.INTERRUPT_16, self.TRAP_16)
        )

    @property
    def present(self) -> bool:
        """P."""
        return bool(self.raw >> 47 & 1)

    @property
    def stack_table(self) -> int:
        """IST index of a long-mode gate; 0 is none."""
        return self.raw >> 32 & 7 if self.wide else 0
