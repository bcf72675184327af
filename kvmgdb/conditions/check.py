"""Agent-expression bytecode from outside: decoded, and checked once so that running it needs no checks.

What passes has known instructions whose operands are inside, jumps that lead to instructions, an ``end`` on
every way through, and at every instruction one depth of the stack, never below zero and bounded, however it
was reached.  Only how long a loop goes round is left to be seen when it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kvmgdb.conditions.opcodes import BY_CODE, Opcode
from kvmgdb.errors import RspError

MAX_CODE: Final = 4096
"""Longest expression, in bytes: the longest condition a person has typed takes some hundreds."""
MAX_DEPTH: Final = 100
"""Most elements on the stack.  gdbserver has room for as many."""

_JUMPS = frozenset({"if_goto", "goto"})
_ENDS = frozenset({"end", "goto"})


class BytecodeError(RspError):
    """An agent expression that cannot be run; the text names the offset and the instruction."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of an expression."""

    offset: int
    opcode: Opcode
    operand: int
    text: bytes = b""
    """The format of a ``printf``, with its terminating NUL."""

    @property
    def following(self) -> int:
        """The offset right after it."""
        return self.offset + 1 + self.opcode.operand + len(self.text)

    @property
    def arguments(self) -> int:
        """How many values a ``printf`` prints."""
        return self.operand >> 16

    @property
    def needs(self) -> int:
        """How many elements must be on the stack."""
        return self.operand + 1 if self.opcode.name == "pick" else self.pops

    @property
    def pops(self) -> int:
        """How many elements it takes off the stack."""
        return self.opcode.pops + (self.arguments if self.opcode.name == "printf" else 0)

    @property
    def targets(self) -> tuple[int, ...]:
        """The offsets that may be next."""
        jump = (self.operand,) if self.opcode.name in _JUMPS else ()
        return jump if self.opcode.name in _ENDS else (*jump, self.following)

    def error(self, problem: str) -> BytecodeError:
        """What is wrong with it, and where it is."""
        return BytecodeError(f"agent expression, {self.opcode.name} at offset {self.offset}: {problem}")


@dataclass(frozen=True, slots=True)
class Checked:
    """An expression that may be run."""

    instructions: tuple[Instruction, ...]
    """Those that can be reached, in order."""
    depths: dict[int, int]
    """Offset -> elements on the stack when the instruction there begins."""


def check(code: bytes) -> Checked:
    """Decode and check.

    Raises:
        BytecodeError: it cannot be run.
    """
    if not code:
        raise BytecodeError("agent expression: it is empty")
    if len(code) > MAX_CODE:
        raise BytecodeError(f"agent expression: {len(code)} bytes are more than {MAX_CODE}")
    decoded = {instruction.offset: instruction for instruction in _decode(code)}
    depths = _depths(decoded)
    return Checked(tuple(decoded[offset] for offset in sorted(depths)), depths)


def _decode(code: bytes) -> Iterator[Instruction]:
    offset = 0
    while offset < len(code):
        instruction = _instruction(code, offset)
        yield instruction
        offset = instruction.following


def _instruction(code: bytes, offset: int) -> Instruction:
    opcode = BY_CODE.get(code[offset])
    if opcode is None:
        raise BytecodeError(f"agent expression, byte {code[offset]:#04x} at offset {offset}: no such opcode")
    body = offset + 1 + opcode.operand
    instruction = Instruction(offset, opcode, int.from_bytes(code[offset + 1 : body], "big"))
    if not opcode.supported:
        raise instruction.error("floating point is not supported")
    if body > len(code):
        raise instruction.error("its operand is cut off")
    if opcode.name == "ext" and instruction.operand == 0:
        raise instruction.error("0 bits have no sign")
    if opcode.name == "printf":
        return _with_format(instruction, code[body : body + (instruction.operand & 0xFFFF)])
    return instruction


def _with_format(instruction: Instruction, text: bytes) -> Instruction:
    if len(text) < instruction.operand & 0xFFFF:
        raise instruction.error("its format is cut off")
    if not text.endswith(b"\0"):
        raise instruction.error("its format does not end in a NUL")
    return Instruction(instruction.offset, instruction.opcode, instruction.operand, text)


def _depths(decoded: dict[int, Instruction]) -> dict[int, int]:
    """The depth of the stack at every instruction that can be reached."""
    depths = {0: 0}
    waiting = [0]
    while waiting:
        instruction = decoded[waiting.pop()]
        after = _depth_after(instruction, depths[instruction.offset])
        for target in instruction.targets:
            if target not in decoded:
                raise instruction.error(_astray(instruction, target))
            if target not in depths:
                depths[target] = after
                waiting.append(target)
            elif depths[target] != after:
                raise instruction.error(
                    f"it leaves {after} elements for offset {target}, which has {depths[target]} elsewhere"
                )
    return depths


def _depth_after(instruction: Instruction, depth: int) -> int:
    if depth < instruction.needs:
        raise instruction.error(f"it needs {instruction.needs} elements, and {depth} are on the stack")
    after = depth - instruction.pops + instruction.opcode.pushes
    if after > MAX_DEPTH:
        raise instruction.error(f"more than {MAX_DEPTH} elements on the stack")
    return after


def _astray(instruction: Instruction, target: int) -> str:
    if target == instruction.following:
        return "nothing follows it, not even an end"
    return f"it leads to offset {target}, where no instruction starts"
