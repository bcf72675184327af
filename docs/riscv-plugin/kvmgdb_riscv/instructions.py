"""The few instructions the plugin must know (RISC-V unprivileged and privileged architecture)."""

from __future__ import annotations

EBREAK = 0x0010_0073
C_EBREAK = 0x9002
WFI = 0x1050_0073
JAL_NEXT = 0x0040_006F
"""``jal x0, .+4``."""


def size(code: bytes) -> int:
    """Bytes of the instruction ``code`` starts with: four where its two lowest bits are set."""
    return 4 if code[0] & 3 == 3 else 2


def is_breakpoint(code: bytes) -> bool:
    """Whether ``code`` starts with a trap instruction."""
    word = int.from_bytes(code[: size(code)], "little")
    return word in (EBREAK, C_EBREAK)


def places_of(word: int, code: bytes) -> list[int]:
    """Offsets at which ``word`` stands on an instruction boundary, or what may be one."""
    wanted = word.to_bytes(4, "little")
    return [offset for offset in range(0, len(code) - 3, 2) if code[offset : offset + 4] == wanted]
