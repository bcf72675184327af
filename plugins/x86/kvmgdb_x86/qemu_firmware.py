"""A firmware of a few instructions for ``qemu-system-x86_64``: from reset to a start state.

It fills the last 128 KiB below 4 GiB: the start-up tables are where they are on every backend
(:data:`kvmgdb_x86.modes.TABLES`), and read only.  The code enters the mode of the variant and then waits in a
loop, where the debugger puts the processor at the guest's entry.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from kvmgdb_x86 import modes

SIZE = 0x20000
BASE = (1 << 32) - SIZE
CODE = 0xFFFF_FF00
"""Linear; at reset CS has the base 0xffff0000 (SDM vol. 3, "First Instruction Executed")."""
_GDT_POINTER, _IDT_POINTER = 0xFFFF_FEE0, 0xFFFF_FEE8
_RESET = 0xFFFF_FFF0
_SEGMENT = 0xFFFF

_MSR_EFER = 0xC000_0080
_PAM = ((0x8000_0058, 0x3333_3000), (0x8000_005C, 0x3333_3333))
"""i440FX data sheet, "PAM": 0xc0000 to 0xfffff are RAM, in place of what a PC has there."""
_FOREVER = b"\xeb\xfe"


@dataclass(frozen=True, slots=True)
class Firmware:
    """An image for ``-bios``."""

    image: bytes
    waits_at: int
    """Linear address of the loop it ends in."""


def build(mode: modes.Mode) -> Firmware:
    """The firmware for one start state."""
    code = b"".join([_out(address, value) for address, value in _PAM])
    code += _load_table(2, _GDT_POINTER) + _load_table(3, _IDT_POINTER)
    if mode.bits > 16:
        code += _enter(mode, CODE + len(code))
    image = bytearray(SIZE)
    tables = modes.tables()
    image[: len(tables)] = tables
    _put(image, _GDT_POINTER, struct.pack("<HI", modes.GDT_LIMIT, modes.GDT if mode.bits > 16 else 0))
    _put(image, _IDT_POINTER, struct.pack("<HI", 0x3FF if mode.bits == 16 else 0, 0))
    _put(image, CODE, code + _FOREVER)
    _put(image, _RESET, b"\xe9" + struct.pack("<h", (CODE - _RESET) - 3))
    return Firmware(bytes(image), CODE + len(code))


def _put(image: bytearray, address: int, data: bytes) -> None:
    image[address - BASE : address - BASE + len(data)] = data


def _mov_eax(value: int) -> bytes:
    """``mov eax, value`` in 16-bit code."""
    return b"\x66\xb8" + struct.pack("<I", value)


def _out(address: int, value: int) -> bytes:
    """Write a register of the PCI configuration space (ports 0xcf8 and 0xcfc)."""
    return (
        (_mov_eax(address) + b"\xba\xf8\x0c\x66\xef")  # mov dx, 0xcf8; out dx, eax
        + (_mov_eax(value) + b"\xba\xfc\x0c\x66\xef")
    )


def _load_table(register: int, pointer: int) -> bytes:
    """``lgdt`` (2) or ``lidt`` (3) with a 32-bit base, ``cs:[pointer]``."""
    return b"\x2e\x66\x0f\x01" + bytes((0x06 | register << 3,)) + struct.pack("<H", pointer & _SEGMENT)


def _enter(mode: modes.Mode, at: int) -> bytes:
    """Protected mode, and long mode where the start state is in it (SDM vol. 3, "Switching to Protected
    Mode", "Initializing IA-32e Mode").
    """
    code = _mov_eax(mode.cr4) + b"\x0f\x22\xe0"
    if mode.bits == 64:
        code += _mov_eax(modes.PAGE_TABLES) + b"\x0f\x22\xd8"
        code += b"\x66\xb9" + struct.pack("<I", _MSR_EFER)  # mov ecx
        code += _mov_eax(modes.EFER_LME) + b"\x66\x31\xd2\x0f\x30"  # xor edx, edx; wrmsr
    code += _mov_eax(mode.cr0) + b"\x0f\x22\xc0"
    following = at + len(code) + 8
    code += b"\x66\xea" + struct.pack("<IH", following, mode.code)  # jmp far
    code += b"\xb8" + struct.pack("<I", mode.data)  # mov eax, in 32 or 64-bit code from here
    return code + b"".join([b"\x8e" + bytes((0xC0 | segment << 3,)) for segment in (0, 2, 3, 4, 5)])
