"""Single steps on KVM: when the next one needs nothing done, and what the guest must not see of them.

KVM steps by the trap flag in the guest's own EFLAGS (SDM vol. 3, "Single-Step Exception Condition").
Whatever pushes the flags pushes that.
"""

from __future__ import annotations

from kvmgdb.arch.kvm import ReadVirtual, VcpuState
from kvmgdb_x86 import modes
from kvmgdb_x86.kvm_registers import REGS, SREGS

_IN_PAGE = 0xFFF
_LONGEST = 15
_FLAGS = frozenset((0x9C, 0x9D, 0xCF))  # PUSHF, POPF, IRET
_PREFIXES = frozenset((0x66, *range(0x40, 0x50)))  # operand size, REX
_MOV_TO_CR = 0x22  # behind 0F, before the register byte
_SYSTEM = b"\x0f\x01"  # INVLPG, LMSW and others
_BEFORE_SYSTEM = _PREFIXES | {0x0F, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65, 0x67}
"""What an instruction begins with that is one: itself, or any prefix."""
_SHORT_JUMPS = frozenset((*range(0x70, 0x80), *range(0xE0, 0xE4), 0xEB))
"""Jcc, LOOP and JMP with a distance of one byte."""
_NEAR = frozenset((0xE8, 0xE9))  # CALL, JMP
_TWO_BYTES, _NEAR_CONDITIONS = 0x0F, range(0x80, 0x90)
_INTERRUPTS = (b"\xcc", b"\xcd", b"\xce", b"\xf1")
"""INT3, INT n, INTO, INT1: what they push is the address behind them."""

_TF_BYTE, _TF_BIT = 1, 1
"""EFLAGS bit 8."""
_TF_AND_ONE, _NEVER_SET = 0x102, ~0x3F_7FD7
"""What flags with our trap flag have set, and what no flags have (SDM vol. 1, "EFLAGS Register")."""
_WORD = (1 << 64) - 1
_FRAME_WORDS, _DEPTH = 3, 32
"""Words of a frame that count (address, CS, flags), and how many a handler may have put on top of it."""


def steps_on(code: memoryview, before: int, after: int) -> bool:
    """By the last byte of an instruction that goes straight on, or the target of a direct jump or call."""
    at, length = before & _IN_PAGE, after - before
    if 0 < length <= _LONGEST and at + length <= len(code):
        last = at + length - 1
        if code[last] in _FLAGS or code[last - 1] == _MOV_TO_CR:
            return False
        return code[at] not in _BEFORE_SYSTEM or _SYSTEM not in bytes(code[at : last + 1])
    return at + 2 <= len(code) and after - before in _distances(code, at)


def _distances(code: memoryview, at: int) -> list[int]:
    """How far the direct jump or call at ``at`` may lead; near ones have two or four bytes, by mode."""
    opcode, sizes = _direct(code[at], code[at + 1])
    ends = [at + opcode + size for size in sizes if at + opcode + size <= len(code)]
    return [end - at + int.from_bytes(code[at + opcode : end], "little", signed=True) for end in ends]


def _direct(first: int, second: int) -> tuple[int, tuple[int, ...]]:
    """Bytes of the opcode, and what bytes the distance may have; none where it is no direct branch."""
    if first in _SHORT_JUMPS:
        return 1, (1,)
    if first in _NEAR:
        return 1, (2, 4)
    return 2, (2, 4) if first == _TWO_BYTES and second in _NEAR_CONDITIONS else ()


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
    words = read(top, width * (_DEPTH + _FRAME_WORDS))
    sregs = state.get(SREGS)
    is_real, base = not sregs.cr0 & modes.CR0_PE, sregs.cs.base
    if not is_real and not _may_name(words, before - base, width):
        return None
    is_interrupt = read(before, 1) in _INTERRUPTS
    returns = range(before, before + 1 + _LONGEST * is_interrupt)
    found = [int.from_bytes(words[at : at + width], "little") for at in range(0, len(words), width)]
    for index, (ip, cs, flags) in enumerate(zip(found, found[1:], found[2:], strict=False)):
        address = ip + (cs << 4 if is_real else base)
        if address in returns and flags & _TF_AND_ONE == _TF_AND_ONE and not flags & _NEVER_SET:
            return top + (index + 2) * width + _TF_BYTE, _TF_BIT
    return None


def _may_name(words: bytes, ip: int, width: int) -> bool:
    """Whether an address from ``ip`` to the end of an instruction there may be among ``words``: a quick no is
    what it comes to after nearly every RET.
    """
    end = ip & 0xFF >= 0x100 - _LONGEST
    return end or (ip & _WORD).to_bytes(8, "little")[1:width] in words
