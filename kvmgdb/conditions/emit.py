"""From instructions to lines of Python.

Whatever may fail (reading, dividing) is a line of its own, in the order of the bytecode; so an expression
fails where it would have failed instruction by instruction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kvmgdb.conditions.check import Instruction
from kvmgdb.conditions.formats import FormatError, parse_format
from kvmgdb.conditions.values import BITS, MASK, SIGN, Value, constant, extended, sign_extended, signed_bounds
from kvmgdb.conditions.writer import ANY, Writer

BOOL: Final = (0, 1)


def emit(writer: Writer, instruction: Instruction) -> None:
    """Write one instruction that is neither a jump nor an end."""
    _EMITTERS[instruction.opcode.name](writer, instruction)


Emit = Callable[[Writer, Instruction], None]


def _arithmetic(operator: str, bounds: Callable[[Value, Value], tuple[int, int]]) -> Emit:
    def emit(writer: Writer, _: Instruction) -> None:
        a, b = writer.pop_two()
        writer.push(f"{a.text} {operator} {b.text}", *bounds(a, b))

    return emit


def _product_bounds(a: Value, b: Value) -> tuple[int, int]:
    corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    return min(corners), max(corners)


def _divide(signed: bool, remainder: bool) -> Emit:
    def emit(writer: Writer, _: Instruction) -> None:
        a, b = writer.pop_two(writer.signed if signed else writer.unsigned)
        if b.low <= 0 <= b.high:
            writer.lines.append(f"if not {b.text}: raise EvaluationError('division by zero')")
        if a.low >= 0 and b.low >= 0:
            writer.push(f"{a.text} {'%' if remainder else '//'} {b.text}", 0, a.high)
        else:
            name = "remainder" if remainder else "quotient"
            writer.push(f"{name}({a.text}, {b.text})", -SIGN, SIGN)

    return emit


def _left_shift(writer: Writer, _: Instruction) -> None:
    a, b = writer.pop_two()
    count = writer.unsigned(b)
    if count.constant is None:
        writer.push(f"({a.text} << {count.text}) & {MASK} if {count.text} < {BITS} else 0", *ANY)
    elif count.constant < BITS:
        writer.push(f"{a.text} << {count.text}", a.low << count.constant, a.high << count.constant)
    else:
        writer.stack.append(constant(0))


def _right_shift(signed: bool) -> Emit:
    def emit(writer: Writer, _: Instruction) -> None:
        count = writer.unsigned(writer.pop())
        a = writer.signed(writer.pop()) if signed else writer.unsigned(writer.pop())
        known = count.constant
        bounds = (min(a.low, 0), max(a.high, 0)) if known is None else (a.low >> known, a.high >> known)
        writer.push(f"{a.text} >> {count.text}", *bounds)

    return emit


def _bitwise(operator: str) -> Emit:
    def emit(writer: Writer, _: Instruction) -> None:
        a, b = writer.pop_two()
        if not (a.is_signed and b.is_signed):
            a, b = writer.unsigned(a), writer.unsigned(b)
        writer.push(f"{a.text} {operator} {b.text}", *_bitwise_bounds(operator, a, b))

    return emit


def _bitwise_bounds(operator: str, a: Value, b: Value) -> tuple[int, int]:
    """All that fits the bits of the wider: exact enough to see that a result needs no mask."""
    positive = [v.high for v in (a, b) if v.low >= 0]
    if operator == "&" and positive:
        return 0, min(positive)
    bits = max(bound.bit_length() for v in (a, b) for bound in (v.high, ~v.low))
    return (0, (1 << bits) - 1) if len(positive) == 2 else (-1 << bits, (1 << bits) - 1)


def _bit_not(writer: Writer, _: Instruction) -> None:
    a = writer.pop()
    writer.push(f"~{a.text}", ~a.high, ~a.low)


def _log_not(writer: Writer, _: Instruction) -> None:
    writer.push(f"not {writer.pop().text}", *BOOL)


def _equal(writer: Writer, _: Instruction) -> None:
    a, b = writer.pop_two()
    if not (a.is_signed and b.is_signed):
        a, b = writer.unsigned(a), writer.unsigned(b)
    writer.push(f"{a.text} == {b.text}", *BOOL)


def _less(signed: bool) -> Emit:
    def emit(writer: Writer, _: Instruction) -> None:
        a, b = writer.pop_two(writer.signed if signed else writer.unsigned)
        writer.push(f"{a.text} < {b.text}", *BOOL)

    return emit


def _extend(writer: Writer, instruction: Instruction) -> None:
    bits = instruction.operand
    if bits >= BITS or writer.stack[-1].within(*signed_bounds(bits)):
        return
    a = writer.pop()
    mask = (1 << bits) - 1
    if a.constant is not None:
        writer.stack.append(constant(sign_extended(a.constant, bits)))
    else:
        text = a.text if a.within(0, mask) else f"({a.text} & {mask})"
        writer.push(extended(text, bits), *signed_bounds(bits))


def _zero_extend(writer: Writer, instruction: Instruction) -> None:
    mask = (1 << instruction.operand) - 1
    if instruction.operand < BITS and not writer.stack[-1].within(0, mask):
        writer.push(f"{writer.pop().text} & {mask}", 0, mask)


def _reference(size: int) -> Emit:
    def emit(writer: Writer, _: Instruction) -> None:
        address = writer.unsigned(writer.pop())
        writer.reads_memory = True
        data = f"machine.read({address.text}, {size})"
        writer.push(f"{data}[0]" if size == 1 else f"word{size}({data})[0]", 0, (1 << 8 * size) - 1)

    return emit


def _register(writer: Writer, instruction: Instruction) -> None:
    writer.registers.add(instruction.operand)
    writer.push(f"machine.register({instruction.operand})", *ANY)


def _constant(writer: Writer, instruction: Instruction) -> None:
    writer.stack.append(constant(instruction.operand))


def _get_variable(writer: Writer, instruction: Instruction) -> None:
    writer.push(f"machine.variables.get({instruction.operand}, 0)", *ANY)


def _set_variable(writer: Writer, instruction: Instruction) -> None:
    """The value stays on the stack."""
    value = writer.unsigned(writer.stack[-1])
    writer.lines.append(f"machine.variables[{instruction.operand}] = {value.text}")


def _duplicate(writer: Writer, _: Instruction) -> None:
    writer.stack.append(writer.stack[-1])


def _drop(writer: Writer, instruction: Instruction) -> None:
    del writer.stack[-instruction.pops :]


def _leave(_writer: Writer, _instruction: Instruction) -> None:
    """A trace instruction that leaves the stack as it is: there is no trace frame to write into."""


def _swap(writer: Writer, _: Instruction) -> None:
    stack = writer.stack
    stack[-2:] = stack[-1], stack[-2]


def _rotate(writer: Writer, _: Instruction) -> None:
    """``a b c`` becomes ``c a b``."""
    stack = writer.stack
    stack[-3:] = stack[-1], stack[-3], stack[-2]


def _pick(writer: Writer, instruction: Instruction) -> None:
    writer.stack.append(writer.stack[-1 - instruction.operand])


def _print(writer: Writer, instruction: Instruction) -> None:
    """Pops a function and a channel, which only mean something to gdb, then the values, the first first."""
    try:
        form = parse_format(instruction.text[:-1], writer.long_size)
    except FormatError as problem:
        raise instruction.error(str(problem)) from None
    if form.arguments != instruction.arguments:
        raise instruction.error(f"{instruction.arguments} values for a format of {form.arguments}")
    del writer.stack[-2:]
    values = [writer.unsigned(writer.pop()) for _ in range(instruction.arguments)]
    writer.reads_memory |= form.reads_memory
    given = "".join(f"{value.text}, " for value in values)
    writer.lines.append(f"machine.print(formats[{len(writer.formats)}].render(({given}), machine.read))")
    writer.formats.append(form)


_EMITTERS: dict[str, Emit] = {
    "add": _arithmetic("+", lambda a, b: (a.low + b.low, a.high + b.high)),
    "sub": _arithmetic("-", lambda a, b: (a.low - b.high, a.high - b.low)),
    "mul": _arithmetic("*", _product_bounds),
    "div_signed": _divide(signed=True, remainder=False),
    "div_unsigned": _divide(signed=False, remainder=False),
    "rem_signed": _divide(signed=True, remainder=True),
    "rem_unsigned": _divide(signed=False, remainder=True),
    "lsh": _left_shift,
    "rsh_signed": _right_shift(signed=True),
    "rsh_unsigned": _right_shift(signed=False),
    "trace": _drop,
    "trace_quick": _leave,
    "log_not": _log_not,
    "bit_and": _bitwise("&"),
    "bit_or": _bitwise("|"),
    "bit_xor": _bitwise("^"),
    "bit_not": _bit_not,
    "equal": _equal,
    "less_signed": _less(signed=True),
    "less_unsigned": _less(signed=False),
    "ext": _extend,
    "ref8": _reference(1),
    "ref16": _reference(2),
    "ref32": _reference(4),
    "ref64": _reference(8),
    "const8": _constant,
    "const16": _constant,
    "const32": _constant,
    "const64": _constant,
    "reg": _register,
    "dup": _duplicate,
    "pop": _drop,
    "zero_ext": _zero_extend,
    "swap": _swap,
    "getv": _get_variable,
    "setv": _set_variable,
    "tracev": _leave,
    "tracenz": _drop,
    "trace16": _leave,
    "pick": _pick,
    "rot": _rotate,
    "printf": _print,
}
