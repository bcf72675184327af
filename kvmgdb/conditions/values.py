"""A stack element as compiled code has it: a Python expression, and what is known of its number.

An element is an integer modulo 2^64.  Python's integers have no bounds, so an element may stand for its
number by any representative: 2^64 - 1 and -1 are the same element.  Knowing between which bounds the
representative lies saves most of the masks and sign extensions, and folds constants: an element whose bounds
meet is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BITS: Final = 64
MASK: Final = (1 << BITS) - 1
SIGN: Final = 1 << (BITS - 1)


@dataclass(frozen=True, slots=True)
class Value:
    """One element."""

    text: str
    """A name or a number: to be written any number of times, at no cost."""
    low: int
    high: int
    """The least and the greatest representative ``text`` may be."""

    @property
    def constant(self) -> int | None:
        """The representative, where it is known before the expression runs."""
        return self.low if self.low == self.high else None

    def within(self, low: int, high: int) -> bool:
        """Whether its bounds lie within these."""
        return low <= self.low and self.high <= high

    @property
    def is_unsigned(self) -> bool:
        """Whether its representative is from 0 to 2^64 - 1."""
        return self.within(0, MASK)

    @property
    def is_signed(self) -> bool:
        """Whether its representative is from -2^63 to 2^63 - 1."""
        return self.within(-SIGN, SIGN - 1)


def constant(number: int) -> Value:
    """An element known beforehand."""
    return Value(f"({number})" if number < 0 else str(number), number, number)


def signed_bounds(bits: int) -> tuple[int, int]:
    """The least and the greatest two's-complement number of so many bits."""
    half = 1 << (bits - 1)
    return -half, half - 1


def sign_extended(number: int, bits: int) -> int:
    """The two's-complement number that the low bits of ``number`` stand for."""
    half = 1 << (bits - 1)
    return (number & ((1 << bits) - 1) ^ half) - half


def extended(text: str, bits: int) -> str:
    """The two's-complement number that ``text``, of so many bits, stands for."""
    half = 1 << (bits - 1)
    return f"({text} ^ {half}) - {half}"
