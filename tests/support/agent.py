"""Agent expressions for a test: an assembler, a machine, and an interpreter that is as plain as can be.

The interpreter knows nothing of the compiler's ways: it keeps a list, and does to it what the manual says of
each instruction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from kvmgdb.conditions.compile import MAX_BACK
from kvmgdb.conditions.formats import parse_format
from kvmgdb.conditions.machine import EvaluationError, PrintingMachine
from kvmgdb.conditions.opcodes import BY_CODE
from kvmgdb.errors import MemoryFault

ByteOrder = Literal["little", "big"]

BY_NAME = {opcode.name: opcode for opcode in BY_CODE.values()}
WORD = 1 << 64


@dataclass
class FakeMachine:
    """Memory in pieces, registers by number; what is printed is kept."""

    memory: Mapping[int, bytes] = field(default_factory=dict)
    registers: Mapping[int, int] = field(default_factory=dict)
    variables: dict[int, int] = field(default_factory=dict)
    printed: bytes = b""

    def register(self, number: int) -> int:
        return self.registers.get(number, 0)

    def read(self, address: int, length: int) -> bytes:
        assert 0 <= address < WORD
        for start, data in self.memory.items():
            if start <= address and address + length <= start + len(data):
                return data[address - start : address - start + length]
        raise MemoryFault(f"nothing is mapped at address {address:#x}")

    def print(self, text: bytes) -> None:
        self.printed += text


def assemble(*words: str | int | bytes) -> bytes:
    """``assemble("const8", 5, "end")``: opcodes by name, operands after them, a format as bytes."""
    code = b""
    for word in words:
        if isinstance(word, str):
            opcode = BY_NAME[word]
            code += bytes([opcode.code])
        elif isinstance(word, int):
            code += word.to_bytes(opcode.operand, "big")
        else:
            code += word
    return code


def formatted(arguments: int, text: bytes) -> tuple[str, int, bytes]:
    """A ``printf`` of so many arguments, for :func:`assemble`."""
    return "printf", arguments << 16 | len(text) + 1, text + b"\0"


def signed(number: int) -> int:
    return number - WORD if number >= WORD // 2 else number


def _divided(a: int, b: int) -> tuple[int, int]:
    if b == 0:
        raise EvaluationError("division by zero")
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return quotient, a - quotient * b


_TWO: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div_signed": lambda a, b: _divided(signed(a), signed(b))[0],
    "div_unsigned": lambda a, b: _divided(a, b)[0],
    "rem_signed": lambda a, b: _divided(signed(a), signed(b))[1],
    "rem_unsigned": lambda a, b: _divided(a, b)[1],
    "lsh": lambda a, b: a << b if b < 64 else 0,
    "rsh_signed": lambda a, b: signed(a) >> min(b, 64),
    "rsh_unsigned": lambda a, b: a >> min(b, 64),
    "bit_and": lambda a, b: a & b,
    "bit_or": lambda a, b: a | b,
    "bit_xor": lambda a, b: a ^ b,
    "equal": lambda a, b: int(a == b),
    "less_signed": lambda a, b: int(signed(a) < signed(b)),
    "less_unsigned": lambda a, b: int(a < b),
}


@dataclass
class Interpreter:
    """Executes one expression, instruction by instruction."""

    code: bytes
    byteorder: ByteOrder
    machine: PrintingMachine
    long_size: int = 8
    at: int = 0
    left: int = MAX_BACK
    stack: list[int] = field(default_factory=list)

    def run(self) -> int:
        """The top of the stack in the end; 0 where it is empty."""
        while True:
            opcode = BY_CODE[self.code[self.at]]
            start, self.at = self.at, self.at + 1 + opcode.operand
            operand = int.from_bytes(self.code[start + 1 : self.at], "big")
            if opcode.name == "end":
                return self.stack[-1] if self.stack else 0
            self.step(opcode.name, operand)

    def step(self, name: str, operand: int) -> None:
        stack = self.stack
        if name in _TWO:
            b, a = stack.pop(), stack.pop()
            stack.append(_TWO[name](a, b) % WORD)
        elif name.startswith("const"):
            stack.append(operand)
        elif name.startswith("ref"):
            size = int(name[3:]) // 8
            try:
                stack.append(int.from_bytes(self.machine.read(stack.pop(), size), self.byteorder))
            except MemoryFault as fault:
                raise EvaluationError(fault.text) from None
        else:
            getattr(self, f"do_{name}")(operand)

    def do_log_not(self, _: int) -> None:
        self.stack.append(int(self.stack.pop() == 0))

    def do_bit_not(self, _: int) -> None:
        self.stack.append(WORD - 1 - self.stack.pop())

    def do_ext(self, bits: int) -> None:
        value = self.stack.pop()
        if bits < 64:
            value %= 1 << bits
            if value >= 1 << bits - 1:
                value += WORD - (1 << bits)
        self.stack.append(value)

    def do_zero_ext(self, bits: int) -> None:
        self.stack.append(self.stack.pop() % (1 << min(bits, 64)))

    def do_reg(self, number: int) -> None:
        self.stack.append(self.machine.register(number))

    def do_getv(self, number: int) -> None:
        self.stack.append(self.machine.variables.get(number, 0))

    def do_setv(self, number: int) -> None:
        self.machine.variables[number] = self.stack[-1]

    def do_dup(self, _: int) -> None:
        self.stack.append(self.stack[-1])

    def do_pop(self, _: int) -> None:
        self.stack.pop()

    def do_swap(self, _: int) -> None:
        b, a = self.stack.pop(), self.stack.pop()
        self.stack += [b, a]

    def do_rot(self, _: int) -> None:
        c, b, a = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.stack += [c, a, b]

    def do_pick(self, depth: int) -> None:
        self.stack.append(self.stack[len(self.stack) - 1 - depth])

    def do_trace(self, _: int) -> None:
        self.stack.pop()
        self.stack.pop()

    do_tracenz = do_trace

    def do_trace_quick(self, _: int) -> None:
        assert self.stack

    do_trace16 = do_trace_quick

    def do_tracev(self, _: int) -> None:
        """Nothing, without a trace frame."""

    def do_if_goto(self, target: int) -> None:
        if self.stack.pop():
            self.do_goto(target)

    def do_goto(self, target: int) -> None:
        if target < self.at:
            self.left -= self.at - target
            if self.left < 0:
                raise EvaluationError(f"it goes round in a loop at offset {self.at - 3} for too long")
        self.at = target

    def do_printf(self, operand: int) -> None:
        count, length = operand >> 16, operand & 0xFFFF
        text = self.code[self.at : self.at + length - 1]
        self.at += length
        self.stack.pop()
        self.stack.pop()
        values = [self.stack.pop() for _ in range(count)]
        try:
            self.machine.print(parse_format(text, self.long_size).render(values, self.machine.read))
        except MemoryFault as fault:
            raise EvaluationError(fault.text) from None
