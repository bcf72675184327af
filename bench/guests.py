"""The guest work: one endless loop per architecture, assembled here by hand.

The loop counts in memory, so that a client can tell how far the guest got.  After it come enough no-ops
for 100,000 breakpoints, the first thousand in the loop's own page; after those, random bytes to read.

====================  ==========================================================
``BASE``              data page: multiboot header (x86), the counter at +0x800
``BASE + 0x1000``     the loop, then no-ops
``BASE + 0x80000``    random data
====================  ==========================================================

One x86 image serves everybody: its instructions mean the same in 32- and 64-bit mode.  QEMU starts it as a
multiboot kernel, gdbserver as a Linux program of one segment, kvmgdb as a raw image.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from typing import Literal

BASE = 0x10_0000
COUNTER = BASE + 0x800
CODE = BASE + 0x1000
RANDOM = BASE + 0x8_0000
RANDOM_SIZE = 1 << 20
SIZE = RANDOM - BASE + RANDOM_SIZE

COUNTER_MASK = 0xFFFF_FFFF
"""The counter is one 32-bit word."""

RANDOM_DATA = random.Random(1).randbytes(RANDOM_SIZE)  # noqa: S311  (the same bytes in every run)

MULTIBOOT_MAGIC = 0x1BAD_B002
MULTIBOOT_ADDRESSES = 1 << 16
"""Multiboot Specification 0.6.96, section 3.1.2: the header says where to load, the file is no ELF."""


@dataclass(frozen=True, slots=True)
class Guest:
    """One architecture's image and what a client must know of it."""

    arch: str
    image: bytes
    """To be loaded at :data:`BASE`."""
    entry: int
    loop: int
    """First instruction of the loop; no other jump leads there than the loop's own."""
    loop_length: int
    """Instructions in one turn."""
    spare: int
    """First no-op after the loop."""
    width: int
    """Bytes of a no-op, and the ``kind`` of a breakpoint."""
    watch_before: bool
    """gdb steps over the access that hit a watchpoint, because hardware reports it before it happens."""

    @property
    def byteorder(self) -> Literal["little", "big"]:
        """``little`` or ``big``."""
        return "little" if self.arch == "x86" else "big"

    def spare_address(self, index: int) -> int:
        """The no-op number ``index``, which the guest never gets to."""
        return self.spare + index * self.width


def _image(head: bytes, code: bytes, nop: bytes) -> bytes:
    room = RANDOM - CODE - len(code)
    data_page = head.ljust(CODE - BASE, b"\0")
    return data_page + code + nop * (room // len(nop)) + RANDOM_DATA


def x86() -> Guest:
    """Five instructions a turn (SDM vol. 2 for the encodings)."""
    body = b"".join(
        (
            b"\xff\x04\x25" + struct.pack("<I", COUNTER),  # inc dword [COUNTER], no base, no index
            b"\x83\xc0\x01",  # add eax, 1
            b"\x31\xc3",  # xor ebx, eax
            b"\x01\xd9",  # add ecx, ebx
        )
    )
    code = body + b"\xeb" + struct.pack("b", -len(body) - 2)  # jmp to the start
    return Guest("x86", _image(_multiboot(), code, b"\x90"), CODE, CODE, 5, CODE + len(code), 1, False)


def _multiboot() -> bytes:
    check = -(MULTIBOOT_MAGIC + MULTIBOOT_ADDRESSES) & 0xFFFF_FFFF
    return struct.pack("<8I", MULTIBOOT_MAGIC, MULTIBOOT_ADDRESSES, check, BASE, BASE, 0, 0, CODE)


def ppc() -> Guest:
    """Two instructions to start, six a turn (Power ISA, book I, for the encodings)."""
    start = (
        0x3D20_0000 | COUNTER >> 16,  # lis r9, COUNTER@h
        0x6129_0000 | COUNTER & 0xFFFF,  # ori r9, r9, COUNTER@l
    )
    turn = (
        0x8069_0000,  # lwz r3, 0(r9)
        0x3863_0001,  # addi r3, r3, 1
        0x9069_0000,  # stw r3, 0(r9)
        0x7C84_1A14,  # add r4, r4, r3
        0x7CA5_2278,  # xor r5, r5, r4
        0x4800_0000 | -20 & 0x03FF_FFFC,  # b to the lwz
    )
    code = struct.pack(">8I", *start, *turn)
    loop, spare = CODE + 4 * len(start), CODE + len(code)
    nop = struct.pack(">I", 0x6000_0000)
    return Guest("ppc", _image(b"", code, nop), CODE, loop, len(turn), spare, 4, True)


GUESTS = {"x86": x86, "ppc": ppc}


def linux_program(guest: Guest) -> bytes:
    """The x86 image as an x86-64 Linux program: an ELF header, one segment that may do everything, and
    the loop as its entry; no library, so gdbserver stops at the loop and nowhere before.
    """
    offset = 0x1000
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, guest.entry, 64, 0, 0, 64, 56, 1, 64, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 7, offset, BASE, BASE, len(guest.image), len(guest.image), 0x1000)
    return (header + segment).ljust(offset, b"\0") + guest.image
