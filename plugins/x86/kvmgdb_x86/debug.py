"""The guest's own debug registers on the emulator.

The engine raises #DB for the execution breakpoints a guest arms, and for TF; it does nothing about data
watches.  So its writes to debug registers are seen, and what they arm is watched for it.  SDM vol. 3,
"Debug Registers".
"""

from __future__ import annotations

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.emulator import GuestPoint, Mark

REGISTERS = frozenset({"dr0", "dr1", "dr2", "dr3", "dr7"})

_HLT = 0xF4
_MOV_TO_DR = b"\x0f\x23"

_EXECUTE = 0
_KINDS = {1: BreakpointKind.WRITE, 3: BreakpointKind.ACCESS}
"""DR7's R/W field; the fourth, 2, is I/O (which is not emulated)."""
_LENGTHS = (1, 2, 8, 4)
"""DR7's LEN field."""


def marked(start: int, code: bytes) -> list[tuple[int, Mark]]:
    """HLT and MOV to a debug register end a block, so only its last bytes are looked at.  Where a REX
    prefix may precede the MOV, both places are named: only one of them is where an instruction starts.
    """
    end = start + len(code)
    if code[-1:] == bytes((_HLT,)):
        return [(end - 1, Mark.HALT)]
    if code[-3:-1] != _MOV_TO_DR:
        return []
    prefixed = len(code) > 3 and code[-4] & 0xF0 == 0x40
    return [(end - 3, Mark.DEBUG_WRITE)] + [(end - 4, Mark.DEBUG_WRITE)] * prefixed


def executions(dr7: int, addresses: list[int]) -> list[int]:
    """Where the execution breakpoints are that DR7 enables, locally or globally."""
    return [
        address
        for slot, address in enumerate(addresses)
        if dr7 >> 2 * slot & 3 and dr7 >> (16 + 4 * slot) & 3 == _EXECUTE
    ]


def watches(dr7: int, addresses: list[int]) -> list[GuestPoint]:
    """The data watches that DR7 enables, locally or globally."""
    points = []
    for slot, address in enumerate(addresses):
        kind = _KINDS.get(dr7 >> (16 + 4 * slot) & 3)
        if dr7 >> 2 * slot & 3 and kind is not None:
            length = _LENGTHS[dr7 >> (18 + 4 * slot) & 3]
            points.append(GuestPoint(kind, address & -length, length, slot))
    return points
