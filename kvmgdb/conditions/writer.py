"""The Python of one expression while it is written.

The stack exists only while compiling: an element is the name of a Python variable or a number, so that
``dup``, ``swap`` and their like cost nothing at a hit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from kvmgdb.conditions.formats import Format
from kvmgdb.conditions.values import BITS, MASK, Value, constant, extended, sign_extended, signed_bounds

ANY: Final = (0, MASK)
"""The bounds of an element of which nothing is known."""


@dataclass(slots=True)
class Writer:
    """The lines of one expression, and what it uses."""

    long_size: int
    lines: list[str] = field(default_factory=list)
    stack: list[Value] = field(default_factory=list)
    registers: set[int] = field(default_factory=set)
    formats: list[Format] = field(default_factory=list)
    reads_memory: bool = False
    _names: int = 0

    def assign(self, text: str, low: int, high: int) -> Value:
        """A new element; no line where it is known beforehand."""
        if low == high:
            return constant(low)
        self._names += 1
        name = f"t{self._names}"
        self.lines.append(f"{name} = {text}")
        return Value(name, low, high)

    def push(self, text: str, low: int, high: int) -> None:
        """Push a result; one that may leave the bounds of 64 bits is brought back into them."""
        if low >= -MASK and high <= MASK:
            self.stack.append(self.assign(text, low, high))
        else:
            self.stack.append(self.assign(f"({text}) & {MASK}", *ANY))

    def unsigned(self, value: Value) -> Value:
        """The same element, from 0 to 2^64 - 1."""
        if value.is_unsigned:
            return value
        if value.constant is not None:
            return constant(value.constant & MASK)
        return self.assign(f"{value.text} & {MASK}", *ANY)

    def signed(self, value: Value) -> Value:
        """The same element, from -2^63 to 2^63 - 1."""
        if value.is_signed:
            return value
        value = self.unsigned(value)
        if value.constant is not None:
            return constant(sign_extended(value.constant, BITS))
        return self.assign(extended(value.text, BITS), *signed_bounds(BITS))

    def pop(self) -> Value:
        """The top element."""
        return self.stack.pop()

    def pop_two(self, form: Callable[[Value], Value] = lambda value: value) -> tuple[Value, Value]:
        """The element below the top, and the top, in a form."""
        top = form(self.stack.pop())
        return form(self.stack.pop()), top
