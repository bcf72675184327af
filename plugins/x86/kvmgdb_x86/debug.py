"""The guest's own debug registers on the emulator.

The engine raises #DB for the execution breakpoints a guest arms, and for TF; it does nothing about data
watches and DR7.GD, and its I/O breakpoints end a REP at its first turn.  So its writes to debug registers
are seen, and what they arm is watched for it.  SDM vol. 3, "Debug Registers".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.emulator import GuestPoint, Mark

REGISTERS = frozenset({"dr0", "dr1", "dr2", "dr3", "dr7"})

DR6_BD = 1 << 13
DR7_GD = 1 << 13
CR4_DE = 1 << 3

_HLT = 0xF4
_MOV_FROM_DR, _MOV_TO_DR = b"\x0f\x21", b"\x0f\x23"

_CHECKED = re.compile(rb"\x0f\x21|[\x6c-\x6f\xe4-\xe7\xec-\xef]")
_PREFIXES = b"\x66\x67\xf2\xf3\x26\x2e\x36\x3e\x64\x65"
_REX, _ADDRESS_SIZE = 0x40, 0x67
_STRING_IO = b"\x6c\x6d\x6e\x6f"

_EXECUTE = 0
_KINDS = {1: BreakpointKind.WRITE, 3: BreakpointKind.ACCESS}
"""DR7's R/W field."""
_PORTS = 2
"""The fourth: I/O ports, if CR4.DE is set."""
_LENGTHS = (1, 2, 8, 4)
"""DR7's LEN field."""


def marked(start: int, code: bytes) -> list[tuple[int, Mark]]:
    """HLT and MOV to a debug register end a block, so only its last bytes are looked at."""
    place = len(code) - 3
    if code[-1:] == bytes((_HLT,)):
        return [(start + len(code) - 1, Mark.HALT)]
    if code[-3:-1] != _MOV_TO_DR:
        return []
    return [(start + first, Mark.DEBUG_WRITE) for first in _starts(code, place)]


def checked(start: int, code: bytes) -> list[tuple[int, Mark]]:
    """What DR7.GD and I/O breakpoints are about: MOV from a debug register, IN, OUT, INS, OUTS."""
    return [
        (start + first, Mark.DEBUG_CHECK)
        for match in _CHECKED.finditer(code)
        for first in _starts(code, match.start())
    ]


def _starts(code: bytes, place: int) -> Iterator[int]:
    """Where the instruction with its opcode at ``place`` may begin: there, or at a prefix.  Each is named,
    and only one of them is where an instruction starts.
    """
    yield place
    while place and (code[place - 1] in _PREFIXES or code[place - 1] & 0xF0 == _REX):
        place -= 1
        yield place


def moved(code: bytes, *, long: bool) -> int | None:
    """The debug register that the instruction at the start of ``code`` moves to or from; None for any other
    instruction.  ``long``: it is 64-bit code, where 0x40 to 0x4f are REX prefixes.
    """
    if long and code[0] & 0xF0 == _REX:
        code = code[1:]
    if code[:2] not in (_MOV_FROM_DR, _MOV_TO_DR) or len(code) < 3:
        return None
    return code[2] >> 3 & 7


def string_io(code: bytes, bits: int) -> tuple[int, int] | None:
    """Length and address size of the INS or OUTS at the start of ``code``, which is ``bits`` wide; None for
    any other instruction.
    """
    place, size = 0, bits
    while code[place] in _PREFIXES or (bits == 64 and code[place] & 0xF0 == _REX):
        if code[place] == _ADDRESS_SIZE:
            size = {16: 32, 32: 16, 64: 32}[bits]
        place += 1
        if place == len(code):
            return None
    return (place + 1, size) if code[place] in _STRING_IO else None


def executions(dr7: int, addresses: list[int]) -> list[int]:
    """Where the execution breakpoints are that DR7 enables, locally or globally."""
    return [
        address
        for slot, address in enumerate(addresses)
        if dr7 >> 2 * slot & 3 and dr7 >> (16 + 4 * slot) & 3 == _EXECUTE
    ]


def watches(dr7: int, addresses: list[int]) -> list[GuestPoint]:
    """The data watches that DR7 enables, locally or globally."""
    return list(_points(dr7, addresses, _KINDS))


def ports(dr7: int, addresses: list[int]) -> list[GuestPoint]:
    """The I/O breakpoints that DR7 enables; they count while CR4.DE is set."""
    return list(_points(dr7, addresses, {_PORTS: BreakpointKind.ACCESS}))


def _points(dr7: int, addresses: list[int], kinds: dict[int, BreakpointKind]) -> Iterator[GuestPoint]:
    for slot, address in enumerate(addresses):
        kind = kinds.get(dr7 >> (16 + 4 * slot) & 3)
        if dr7 >> 2 * slot & 3 and kind is not None:
            length = _LENGTHS[dr7 >> (18 + 4 * slot) & 3]
            yield GuestPoint(kind, address & -length, length, slot)
