"""The instructions of agent expressions (GDB manual, "Bytecode Descriptions"), in the order of their codes.

An operand follows its code, high byte first.  A stack element is an integer modulo 2^64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Opcode:
    """One row of the table."""

    code: int
    name: str
    """The manual's."""
    operand: int = 0
    """Bytes of the operand."""
    pops: int = 0
    """How many elements it needs; ``pick`` and ``printf`` say in their operand how many more."""
    pushes: int = 0
    supported: bool = True
    """False of floating point: gdb has never made use of it, and neither gdbserver nor we have it."""


_ROWS: Final = (
    Opcode(0x01, "float", supported=False),
    Opcode(0x02, "add", 0, 2, 1),
    Opcode(0x03, "sub", 0, 2, 1),
    Opcode(0x04, "mul", 0, 2, 1),
    Opcode(0x05, "div_signed", 0, 2, 1),
    Opcode(0x06, "div_unsigned", 0, 2, 1),
    Opcode(0x07, "rem_signed", 0, 2, 1),
    Opcode(0x08, "rem_unsigned", 0, 2, 1),
    Opcode(0x09, "lsh", 0, 2, 1),
    Opcode(0x0A, "rsh_signed", 0, 2, 1),
    Opcode(0x0B, "rsh_unsigned", 0, 2, 1),
    Opcode(0x0C, "trace", 0, 2, 0),
    Opcode(0x0D, "trace_quick", 1, 1, 1),
    Opcode(0x0E, "log_not", 0, 1, 1),
    Opcode(0x0F, "bit_and", 0, 2, 1),
    Opcode(0x10, "bit_or", 0, 2, 1),
    Opcode(0x11, "bit_xor", 0, 2, 1),
    Opcode(0x12, "bit_not", 0, 1, 1),
    Opcode(0x13, "equal", 0, 2, 1),
    Opcode(0x14, "less_signed", 0, 2, 1),
    Opcode(0x15, "less_unsigned", 0, 2, 1),
    Opcode(0x16, "ext", 1, 1, 1),
    Opcode(0x17, "ref8", 0, 1, 1),
    Opcode(0x18, "ref16", 0, 1, 1),
    Opcode(0x19, "ref32", 0, 1, 1),
    Opcode(0x1A, "ref64", 0, 1, 1),
    Opcode(0x1B, "ref_float", 0, 1, 1, supported=False),
    Opcode(0x1C, "ref_double", 0, 1, 1, supported=False),
    Opcode(0x1D, "ref_long_double", 0, 1, 1, supported=False),
    Opcode(0x1E, "l_to_d", 0, 1, 1, supported=False),
    Opcode(0x1F, "d_to_l", 0, 1, 1, supported=False),
    Opcode(0x20, "if_goto", 2, 1, 0),
    Opcode(0x21, "goto", 2, 0, 0),
    Opcode(0x22, "const8", 1, 0, 1),
    Opcode(0x23, "const16", 2, 0, 1),
    Opcode(0x24, "const32", 4, 0, 1),
    Opcode(0x25, "const64", 8, 0, 1),
    Opcode(0x26, "reg", 2, 0, 1),
    Opcode(0x27, "end", 0, 0, 0),
    Opcode(0x28, "dup", 0, 1, 2),
    Opcode(0x29, "pop", 0, 1, 0),
    Opcode(0x2A, "zero_ext", 1, 1, 1),
    Opcode(0x2B, "swap", 0, 2, 2),
    Opcode(0x2C, "getv", 2, 0, 1),
    Opcode(0x2D, "setv", 2, 1, 1),
    # The manual draws tracev with a result.  gdb puts it after a getv of the same variable, whose result is
    # the value of the expression, and gdbserver pushes nothing: so it does not.
    Opcode(0x2E, "tracev", 2, 0, 0),
    Opcode(0x2F, "tracenz", 0, 2, 0),
    Opcode(0x30, "trace16", 2, 1, 1),
    Opcode(0x32, "pick", 1, 0, 1),
    Opcode(0x33, "rot", 0, 3, 3),
    Opcode(0x34, "printf", 3, 2, 0),
)

BY_CODE: Final = {row.code: row for row in _ROWS}
"""Code -> opcode.  0x00 and 0x31 are no instructions."""
