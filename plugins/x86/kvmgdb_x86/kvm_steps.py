"""Single steps on KVM: when the next one needs nothing done, and what the guest must not see of them.

KVM steps by the trap flag in the guest's own EFLAGS (SDM vol. 3, "Single-Step Exception Condition").
Whatever pushes the flags pushes that.
"""

from __future__ import annotations

from collections.abc import Iterable

from kvmgdb.arch.kvm import ReadVirtual, VcpuState
from kvmgdb_x86 import modes
from kvmgdb_x86.kvm_registers import REGS, SREGS

_IN_PAGE = 0xFFF
_LONGEST = 15
_FLAGS = frozenset((0x9C, 0x9D, 0xCF))  # PUSHF, POPF, IRET
_PREFIXES = frozenset((0x66, *range(0x40, 0x50)))  # operand size, REX
_MOV_TO_CR = 0x22  # behind 0F, before the register byte
_SYSTEM = b"\x0f\x01"  # INVLPG, LMSW and others
_SHORT_JUMPS = frozenset((*range(0x70, 0x80), *range(0xE0, 0xE4), 0xEB))
"""Jcc, LOOP and JMP with a distance of one byte."""
_INTERRUPTS = (b"\xcc", b"\xcd", b"\xce", b"\xf1")
"""INT3, INT n, INTO, INT1: what they push is the address behind them."""

_TF_BYTE, _TF_BIT = 1, 1
"""EFLAGS bit 8."""
_TF_AND_ONE, _NEVER_SET = 0x102, ~0x3F_7FD7
"""What flags with our trap flag have set, and what no flags have (SDM vol. 1, "EFLAGS Register")."""
_FRAME_WORDS, _DEPTH = 3, 32
"""Words of a frame that count (address, CS, flags), and how many a handler may have put on top of it."""


def steps_on(code: memoryview, before: int, after: int) -> bool:
    """By the last byte of an instruction that goes straight on, or the target of a short jump."""
    at, length = before & _IN_PAGE, after - before
    if 0 < length <= _LONGEST and at + length <= len(code):
        last = at + length - 1
        if code[last] in _FLAGS or code[last - 1] == _MOV_TO_CR:
            return False
        return _SYSTEM not in bytes(code[at : last + 1])
    if at + 2 > len(code) or code[at] not in _SHORT_JUMPS:
        return False
    distance = code[at + 1]
    return after == before + 2 + (distance if distance < 0x80 else distance - 0x100)


def step_leak(
    state: VcpuState, mode: str, before: int, after: int, read: ReadVirtual
) -> tuple[int, int] | None:
    """Where the trap flag is on the stack after a step from ``before`` to ``after``: the address of a byte,
    and the bit in it.  ``mode`` is 16, 32 or 64.
    """
    if before < after <= before + _LONGEST:
        return _pushed(state, mode, read(before, after - before))
    return _in_frame(state, mode, before, read)


def _stack(state: VcpuState, mode: str) -> int:
    """Linear address of its top."""
    sregs, rsp = state.get(SREGS), state.get(REGS).rsp
    if mode == "64":
        return int(rsp)
    return int(sregs.ss.base + (rsp if sregs.ss.db else rsp & 0xFFFF))


def _pushed(state: VcpuState, mode: str, code: bytes) -> tuple[int, int] | None:
    """By PUSHF, on top of the stack."""
    if code[-1:] != b"\x9c" or not _PREFIXES.issuperset(code[:-1]):
        return None
    return _stack(state, mode) + _TF_BYTE, _TF_BIT


def _in_frame(state: VcpuState, mode: str, before: int, read: ReadVirtual) -> tuple[int, int] | None:
    """By an exception or an interrupt: its frame names the instruction, or where that is an INT the next
    one.  The handler may have begun, and an error code may lie on top (SDM vol. 3, "Exception- or
    Interrupt-Handler Procedures"; vol. 2, "INT n").
    """
    width, top = int(mode) // 8, _stack(state, mode)
    words = memoryview(read(top, width * (_DEPTH + _FRAME_WORDS)))
    found = [int.from_bytes(words[at : at + width], "little") for at in range(0, len(words), width)]
    returns: Iterable[int] = (before,)
    if read(before, 1) in _INTERRUPTS:
        returns = range(before, before + _LONGEST + 1)
    sregs = state.get(SREGS)
    is_real = not sregs.cr0 & modes.CR0_PE
    for index, (ip, cs, flags) in enumerate(zip(found, found[1:], found[2:], strict=False)):
        base = cs << 4 if is_real else sregs.cs.base
        if ip + base in returns and flags & _TF_AND_ONE == _TF_AND_ONE and not flags & _NEVER_SET:
            return top + (index + 2) * width + _TF_BYTE, _TF_BIT
    return None
