"""The states an x86 guest starts in, and the tables they need.

Real mode needs none.  Flat protected mode needs a descriptor table and identity-mapped long mode page
tables too; they lie in a small region below 4 GiB that no guest's RAM reaches, so that the guest has
all of its memory from the start.  A guest that sets up its own never sees them again.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from kvmgdb.arch.machine import Region

TABLES = Region(0xFFFE_0000, 0x10000, "start-up tables")
GDT = TABLES.start + 0x8000

CODE_32, DATA_32, CODE_64 = 0x08, 0x10, 0x18
"""Selectors in the start-up GDT."""

# SDM vol. 3, "Segment Descriptors": base 0, limit 4 GiB; present, ring 0, code or data, accessed.
DESCRIPTORS = {
    CODE_32: 0x00CF_9B00_0000_FFFF,
    DATA_32: 0x00CF_9300_0000_FFFF,
    CODE_64: 0x00AF_9B00_0000_FFFF,
}

GDT_LIMIT = 0x1F

_PRESENT_WRITABLE = 0x63
"""Accessed and dirty, too: on QEMU the tables are in ROM, where the processor cannot note it."""
_LARGE = 0x80

CR0_PE, CR0_MP, CR0_ET, CR0_NE, CR0_PG = 1 << 0, 1 << 1, 1 << 4, 1 << 5, 1 << 31
CR4_PAE, CR4_OSFXSR, CR4_OSXMMEXCPT = 1 << 5, 1 << 9, 1 << 10
EFER_LME, EFER_LMA = 1 << 8, 1 << 10

FPU_CONTROL = 0x37F
MXCSR = 0x1F80
"""Every floating-point exception masked, as after FNINIT and as an ABI expects."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One start state."""

    bits: int
    cr0: int
    cr4: int
    efer: int
    code: int
    data: int


_PROTECTED = CR0_PE | CR0_MP | CR0_ET | CR0_NE
_SSE = CR4_OSFXSR | CR4_OSXMMEXCPT

MODES = {
    "16": Mode(16, CR0_ET, 0, 0, 0, 0),
    "32": Mode(32, _PROTECTED, _SSE, 0, CODE_32, DATA_32),
    "64": Mode(64, _PROTECTED | CR0_PG, CR4_PAE | _SSE, EFER_LME | EFER_LMA, CODE_64, DATA_32),
}

PAGE_TABLES = TABLES.start
"""CR3 of the 64-bit start state: PML4, one page of pointers, four directories of 2 MiB pages."""


def tables() -> bytes:
    """The contents of :data:`TABLES`: 4 GiB mapped one to one, and a flat GDT."""
    area = bytearray(TABLES.size)
    pointers, directories = 0x1000, 0x2000
    struct.pack_into("<Q", area, 0, TABLES.start + pointers | _PRESENT_WRITABLE)
    for gigabyte in range(4):
        directory = directories + 0x1000 * gigabyte
        struct.pack_into("<Q", area, pointers + 8 * gigabyte, TABLES.start + directory | _PRESENT_WRITABLE)
        for index in range(512):
            page = (gigabyte << 30) | (index << 21)
            struct.pack_into("<Q", area, directory + 8 * index, page | _LARGE | _PRESENT_WRITABLE)
    for selector, raw in DESCRIPTORS.items():
        struct.pack_into("<Q", area, GDT - TABLES.start + selector, raw)
    return bytes(area)
