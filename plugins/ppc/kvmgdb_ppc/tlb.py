"""The translations a BookE core starts with: its MMU cannot be switched off.

Two entries of 256 MiB, one to one: memory at 0 and the devices at 0xf0000000.  Firmware does the same
(ePAPR, "Initial Mapped Areas").
"""

from __future__ import annotations

from kvmgdb_ppc.instructions import load, mtspr, tlbwe

SMALLEST_PAGE = 4096
SMALLEST_PAGE_440 = 1024
"""Bytes (PPC440x5, "TLB Fields"; e500 manual, "Page Size"; Power ISA: the classic cores)."""

PAGES = (0x0000_0000, 0xF000_0000)
START_SIZE = 1 << 28

# PPC440x5, "TLB entries": word 0 EPN, V, SIZE (9 is 256 MiB); word 1 RPN; word 2 access rights.
_440_VALID_256M = 0x200 | 0x90
_ALL_RIGHTS = 0x3F

# e500 manual, "MAS registers": TLB1, V and IPROT, TSIZE 9.
_MAS0, _MAS1, _MAS2, _MAS3, _MAS7 = 624, 625, 626, 627, 944
_MAS0_TLB1 = 0x1000_0000
_MAS1_VALID_256M = 0xC000_0900


def setup_440() -> list[int]:
    """Instructions that write the two entries; r3 and r4 are used."""
    code = []
    for index, page in enumerate(PAGES):
        code += load(4, index)
        for word, value in enumerate((page | _440_VALID_256M, page, _ALL_RIGHTS)):
            code += [*load(3, value), tlbwe(3, 4, word)]
    return code


def setup_e500() -> list[int]:
    """The same through the MAS registers; r3 is used."""
    code = []
    for index, page in enumerate(PAGES):
        for spr, value in (
            (_MAS0, _MAS0_TLB1 | index << 16),
            (_MAS1, _MAS1_VALID_256M),
            (_MAS2, page),
            (_MAS3, page | _ALL_RIGHTS),
            (_MAS7, 0),
        ):
            code += [*load(3, value), mtspr(spr, 3)]
        code.append(tlbwe())
    return code
