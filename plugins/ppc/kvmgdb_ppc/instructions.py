"""The few instructions the plugin itself puts together (Power ISA, book I and III; PPC440x5 manual)."""

from __future__ import annotations

B_NEXT = 0x4800_0004
"""``b .+4``."""
TRAP = 0x7FE0_0008
"""``trap``, which is ``tw 31,r0,r0``."""

_BC, _SC, _B, _XL = 16, 17, 18, 19
_AA = 0x2
_BCLR, _RFID, _BCCTR = 16, 18, 528
_PROGRAM_VECTOR, _SYSTEM_CALL_VECTOR = 0x700, 0xC00


def lis(target: int, high: int) -> int:
    """``lis rT,high``."""
    return 15 << 26 | target << 21 | (high & 0xFFFF)


def ori(target: int, low: int) -> int:
    """``ori rT,rT,low``."""
    return 24 << 26 | target << 21 | target << 16 | (low & 0xFFFF)


def load(target: int, value: int) -> list[int]:
    """A 32-bit constant into rT."""
    return [lis(target, value >> 16), ori(target, value)]


def _spr_form(register: int, spr: int, opcode: int) -> int:
    return 31 << 26 | register << 21 | (spr & 0x1F) << 16 | (spr >> 5) << 11 | opcode << 1


def mfspr(target: int, spr: int) -> int:
    """``mfspr rT,spr``."""
    return _spr_form(target, spr, 339)


def mtspr(spr: int, source: int) -> int:
    """``mtspr spr,rS``."""
    return _spr_form(source, spr, 467)


def mfsr(target: int, segment: int) -> int:
    """``mfsr rT,SR``."""
    return 31 << 26 | target << 21 | segment << 16 | 595 << 1


def mtspr_target(word: int) -> int | None:
    """The SPR that ``mtspr`` writes; None for any other instruction."""
    if word >> 26 != 31 or word >> 1 & 0x3FF != 467:
        return None
    return word >> 16 & 0x1F | word >> 6 & 0x3E0


_RETURNS = (50, 51, 38, 39)
"""Extended opcodes of ``rfi``, ``rfci``, ``rfmci`` and ``rfdi``."""
_RFI, _MTMSR = 50, 146


def may_enable_debug(word: int) -> bool:
    """Whether it may set MSR[DE]: a return from an interrupt, or ``mtmsr``."""
    opcode, extended = word >> 26, word >> 1 & 0x3FF
    return (opcode == _XL and extended in _RETURNS) or (opcode == 31 and extended == _MTMSR)


def is_rfi(word: int) -> bool:
    """``rfi``."""
    return word >> 26 == _XL and word >> 1 & 0x3FF == _RFI


def is_store(word: int) -> bool:
    """Whether a memory access by this instruction is a store.  D-form stores are opcodes 36-39, 44, 45,
    47 and 52-55; X-form ones have bit 8 of the extended opcode (``stwx`` 151, ``lwzx`` 23).
    """
    opcode = word >> 26
    if opcode == 31:
        return bool(word >> 8 & 1)
    return opcode in (36, 37, 38, 39, 44, 45, 47, 52, 53, 54, 55)


def tlbwe(source: int = 0, entry: int = 0, word: int = 0) -> int:
    """``tlbwe rS,rA,WS`` (440); with all zero, ``tlbwe`` of the e500."""
    return 31 << 26 | source << 21 | entry << 16 | word << 11 | 978 << 1


def is_trap(word: int) -> bool:
    """``tw`` or ``twi``, ``td`` or ``tdi``."""
    opcode = word >> 26
    return opcode in (2, 3) or (opcode == 31 and (word >> 1) & 0x3FF in (4, 68))


def successors(word: int, pc: int, lr: int, ctr: int, srr0: int) -> tuple[int, ...]:
    """Where an instruction at ``pc`` may lead, exceptions of loads and stores aside.

    Power ISA Book I, "Branch Instructions", "System Call", "Trap Instructions"; Book III, ``rfid``.
    """
    following, opcode, extended = pc + 4, word >> 26, word >> 1 & 0x3FF
    base = 0 if word & _AA else pc
    if opcode == _B:
        return (base + _signed(word & 0x03FF_FFFC, 26),)
    if opcode == _BC:
        return following, base + _signed(word & 0xFFFC, 16)
    if opcode == _SC:
        return following, _SYSTEM_CALL_VECTOR
    if opcode == _XL and extended in (_BCLR, _BCCTR):
        return following, (lr if extended == _BCLR else ctr) & ~3
    if opcode == _XL and extended == _RFID:
        return (srr0 & ~3,)
    return (following, _PROGRAM_VECTOR) if is_trap(word) else (following,)


def _signed(value: int, bits: int) -> int:
    return value - (value >> bits - 1 << bits)


def is_floating(word: int) -> bool:
    """Floating-point arithmetic: opcodes 59 (single) and 63 (double)."""
    return word >> 26 in (59, 63)
