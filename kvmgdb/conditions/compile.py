"""An agent expression as a Python function: written once, when a breakpoint is set, called at every hit.

    condition = compile_condition(bytes.fromhex("240010205019162022011327"), "little")
    if condition.evaluate(machine): ...

The function has no loop over instructions.  An expression without jumps is straight-line code; one with jumps
is a row of blocks, each behind ``if at == OFFSET``, in the order of the bytecode, so that jumps forward fall
through to where they lead.  Only where there is a jump backwards is there a loop around them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from kvmgdb.arch.registers import ByteOrder
from kvmgdb.conditions.check import Checked, Instruction, check
from kvmgdb.conditions.emit import emit
from kvmgdb.conditions.machine import EvaluationError, Machine, PrintingMachine
from kvmgdb.conditions.values import Value
from kvmgdb.conditions.writer import ANY, Writer
from kvmgdb.errors import RspError

MAX_BACK: Final = 1 << 16
"""How many bytes of code the jumps backwards of one evaluation may lead back over.  It bounds how many
instructions are executed, and costs nothing where there is no such jump.  This much takes milliseconds."""

CACHED: Final = 1024
"""How many compiled expressions are kept: at every stop gdb takes its breakpoints out and sets them again."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was checked and compiled."""

    code: bytes
    registers: frozenset[int]
    """gdb's numbers of the registers it may read."""
    reads_memory: bool
    """Whether it may read memory."""
    evaluate: Callable[[Machine], int] = field(repr=False)
    """Its value: the top of the stack, unsigned; 0 is false.  Raises :class:`EvaluationError`."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that was checked and compiled; the rest is as with a condition."""

    code: bytes
    registers: frozenset[int]
    reads_memory: bool
    run: Callable[[PrintingMachine], object] = field(repr=False)
    """Do what it says.  Raises :class:`EvaluationError`; what was printed until then is printed."""


@lru_cache(CACHED)
def compile_condition(code: bytes, byteorder: ByteOrder) -> Condition:
    """Compile a condition for a guest of this byte order.

    Raises:
        BytecodeError: it cannot be run, or has no value.
    """
    checked = check(code)
    for instruction in checked.instructions:
        if instruction.opcode.name == "printf":
            raise instruction.error("a condition does not print")
        if instruction.opcode.name == "end" and not checked.depths[instruction.offset]:
            raise instruction.error("a condition has a value, and the stack is empty")
    writer = Writer(long_size=8)
    evaluate = _function(checked, writer, byteorder)
    return Condition(code, frozenset(writer.registers), writer.reads_memory, evaluate)


@lru_cache(CACHED)
def compile_command(code: bytes, byteorder: ByteOrder, long_size: int) -> Command:
    """Compile a command; ``long_size`` is how many bytes a ``long`` of the guest has, for ``%ld``.

    Raises:
        BytecodeError: it cannot be run, or prints what cannot be printed.
    """
    writer = Writer(long_size)
    run = _function(check(code), writer, byteorder)
    return Command(code, frozenset(writer.registers), writer.reads_memory, run)


def _function(checked: Checked, writer: Writer, byteorder: ByteOrder) -> Callable[[Any], int]:
    body = "\n".join(f"  {line}" for line in _body(checked, writer))
    source = (
        "def expression(machine):\n"
        " try:\n"
        f"{body}\n"
        " except RspError as problem:\n"
        "  raise EvaluationError(problem.text) from None\n"
    )
    order = "<" if byteorder == "little" else ">"
    names: dict[str, Any] = {
        "EvaluationError": EvaluationError,
        "RspError": RspError,
        "formats": writer.formats,
        "quotient": _quotient,
        "remainder": _remainder,
        "word2": struct.Struct(f"{order}H").unpack,
        "word4": struct.Struct(f"{order}I").unpack,
        "word8": struct.Struct(f"{order}Q").unpack,
    }
    exec(compile(source, "<agent expression>", "exec"), names)  # noqa: S102 - made of our templates and numbers
    function: Callable[[Any], int] = names["expression"]
    return function


def _body(checked: Checked, writer: Writer) -> Iterator[str]:
    blocks = list(_blocks(checked))
    loops = any(i.opcode.name in ("goto", "if_goto") and i.operand <= i.offset for i in checked.instructions)
    indent = " " if loops else ""
    if len(blocks) > 1:
        yield "at = 0"
    if loops:
        yield f"left = {MAX_BACK}"
        yield "while True:"
    for block in blocks:
        lines = _block_lines(block, checked.depths[block[0].offset], writer)
        if len(blocks) > 1:
            yield f"{indent}if at == {block[0].offset}:"
            yield from (f"{indent} {line}" for line in lines)
        else:
            yield from (indent + line for line in lines)


def _blocks(checked: Checked) -> Iterator[list[Instruction]]:
    """The instructions, cut where jumps lead to and after them."""
    starts = {
        target for i in checked.instructions if i.opcode.name in ("goto", "if_goto") for target in i.targets
    }
    block: list[Instruction] = []
    for instruction in checked.instructions:
        if block and (instruction.offset in starts or not block[-1].targets):
            yield block
            block = []
        block.append(instruction)
    yield block


def _block_lines(block: list[Instruction], depth: int, writer: Writer) -> list[str]:
    """A block as lines.  Between blocks the stack is in the variables ``s0``, ``s1``, and so on."""
    writer.lines = []
    writer.stack = [Value(f"s{index}", *ANY) for index in range(depth)]
    for instruction in block[:-1]:
        emit(writer, instruction)
    last = block[-1]
    if last.opcode.name == "end":
        result = writer.unsigned(writer.pop()).text if writer.stack else "0"
        writer.lines.append(f"return {result}")
        return writer.lines
    if last.opcode.name == "if_goto":
        condition = writer.pop().text
        writer.lines.append(f"at = {last.operand} if {condition} else {last.following}")
    else:
        if last.opcode.name != "goto":
            emit(writer, last)
        writer.lines.append(f"at = {last.targets[0]}")
    _keep_stack(writer)
    _bound_loop(last, writer)
    return writer.lines


def _keep_stack(writer: Writer) -> None:
    values = [writer.unsigned(value).text for value in writer.stack]
    names = [f"s{index}" for index in range(len(values))]
    if values != names:
        writer.lines.append(f"{', '.join(names)} = {', '.join(values)}")


def _bound_loop(last: Instruction, writer: Writer) -> None:
    """Charge a jump backwards for the bytes it leads back over, itself included."""
    back = last.following - last.operand
    if last.opcode.name in ("goto", "if_goto") and last.operand <= last.offset:
        problem = f"it goes round in a loop at offset {last.offset} for too long"
        writer.lines += [
            f"if at == {last.operand}:",
            f" left -= {back}",
            f" if left < 0: raise EvaluationError({problem!r})",
        ]


def _quotient(a: int, b: int) -> int:
    """C's signed division: towards zero."""
    return abs(a) // abs(b) if (a < 0) == (b < 0) else -(abs(a) // abs(b))


def _remainder(a: int, b: int) -> int:
    """C's: it has the sign of ``a``."""
    return abs(a) % abs(b) if a >= 0 else -(abs(a) % abs(b))
