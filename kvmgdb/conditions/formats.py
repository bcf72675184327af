r"""The format of a ``printf`` instruction: C's conversions, filled in as the guest's C library would.

gdb sends the format as its user typed it (GDB manual, "Dynamic Printf"), escapes such as ``\n`` included:
they are read here.  How wide an argument is, its conversion says; the widths are those of the guest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from kvmgdb.conditions.values import MASK

MAX_STRING: Final = 4096
"""Most bytes of a ``%s``: a string that never ends is a mistake sooner than a wish."""
MAX_FIELD: Final = 4096
"""Largest width and precision, for the same reason."""
_PIECE: Final = 64
"""How much of a string is read at a time: such pieces never reach over the end of a page."""

ReadMemory = Callable[[int, int], bytes]

_TOKEN = re.compile(rb"\\([0-7]{1,3}|.)|%([-+ #0]*)(\d*)(\.\d*)?(hh|h|ll|l|z|t|j|)(.)|[^\\%]+|.", re.DOTALL)
_ESCAPES = {
    b"a": b"\a", b"b": b"\b", b"e": b"\x1b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t",
    b"v": b"\v", b'"': b'"', b"\\": b"\\",
}  # fmt: skip
_SIZES = {b"hh": 1, b"h": 2, b"": 4, b"ll": 8, b"j": 8}
"""Bytes by length modifier; ``l``, ``z`` and ``t`` have a long's."""


class FormatError(ValueError):
    """A format that cannot be printed; the text says why."""


@dataclass(frozen=True, slots=True)
class _Conversion:
    """``%-5d`` and its like."""

    letter: str
    flags: bytes
    width: bytes
    precision: bytes
    size: int
    """Bytes of the argument."""

    def render(self, argument: int, read: ReadMemory) -> bytes:
        """The argument's text."""
        if self.letter == "s":
            return self._field(b"-", b"s", _string(argument, read, self._most), self.precision)
        if self.letter == "c":
            return self._field(b"-", b"c", argument & 0xFF)
        number = argument & ((1 << 8 * self.size) - 1)
        if self.letter in "di":
            half = 1 << (8 * self.size - 1)
            return self._field(b"-+ 0", b"d", (number ^ half) - half, self.precision)
        if self.letter == "u":
            return self._field(b"-0", b"d", number, self.precision)
        return self._based(number)

    @property
    def _most(self) -> int:
        return min(int(self.precision[1:] or b"0"), MAX_STRING) if self.precision else MAX_STRING

    def _based(self, number: int) -> bytes:
        """``%x``, ``%X``, ``%o`` and ``%p``."""
        letter = {"p": "x"}.get(self.letter, self.letter)
        digits = (b"%" + self.precision + letter.encode()) % number
        prefix = b""
        if self.letter == "p" or (b"#" in self.flags and number and letter in "xX"):
            prefix = b"0X" if letter == "X" else b"0x"
        elif b"#" in self.flags and letter == "o" and not digits.startswith(b"0"):
            prefix = b"0"
        if b"0" in self.flags and b"-" not in self.flags and not self.precision:
            digits = digits.rjust(int(self.width or b"0") - len(prefix), b"0")
        return self._field(b"-", b"s", prefix + digits)

    def _field(self, flags: bytes, letter: bytes, argument: int | bytes, precision: bytes = b"") -> bytes:
        """By Python's own formatting, which is C's as far as it goes.  C ignores ``0`` beside a precision."""
        mine = bytes(f for f in self.flags if f in flags and not (f == ord("0") and precision))
        return (b"%" + mine + self.width + precision + letter) % argument


def _string(address: int, read: ReadMemory, most: int) -> bytes:
    found = b""
    while len(found) < most:
        piece = read(address, _PIECE - address % _PIECE)
        text, end, _ = piece.partition(b"\0")
        found += text
        if end:
            break
        address = (address + len(piece)) & MASK
    return found[:most]


@dataclass(frozen=True, slots=True)
class Format:
    """A format that has been read."""

    pieces: tuple[bytes | _Conversion, ...]

    @property
    def arguments(self) -> int:
        """How many it needs."""
        return sum(isinstance(piece, _Conversion) for piece in self.pieces)

    @property
    def reads_memory(self) -> bool:
        """Whether it prints strings."""
        return any(isinstance(piece, _Conversion) and piece.letter == "s" for piece in self.pieces)

    def render(self, arguments: Sequence[int], read: ReadMemory) -> bytes:
        """The text.  ``read(address, length)`` is asked for the bytes of strings."""
        left = iter(arguments)
        return b"".join(
            piece if isinstance(piece, bytes) else piece.render(next(left), read) for piece in self.pieces
        )


def parse_format(text: bytes, long_size: int) -> Format:
    """Read a format; ``long_size`` is how many bytes a ``long`` and a pointer have.

    Raises:
        FormatError: it has a conversion or an escape that cannot be printed.
    """
    return Format(tuple(_piece(match, long_size) for match in _TOKEN.finditer(text)))


def _piece(match: re.Match[bytes], long_size: int) -> bytes | _Conversion:
    whole, escape, letter = match[0], match[1], match[6]
    if escape is not None:
        return _escape(escape)
    if letter == b"%":
        return b"%"
    if letter is None:
        if whole in (b"\\", b"%"):
            raise FormatError(f"the format ends in a lone {whole.decode()}")
        return whole
    if letter not in b"diuxXopcs":
        raise FormatError(f"the stub cannot print {_shown(whole)}, only %d %i %u %x %X %o %p %c and %s")
    if match[5] and letter in b"cs":
        raise FormatError(f"the stub cannot print {_shown(whole)}: wide characters")
    if max(int(match[3] or b"0"), int((match[4] or b".")[1:] or b"0")) > MAX_FIELD:
        raise FormatError(f"{_shown(whole)} is wider than {MAX_FIELD}")
    size = long_size if letter == b"p" else _SIZES.get(match[5], long_size)
    return _Conversion(letter.decode(), match[2], match[3], match[4] or b"", size)


def _escape(text: bytes) -> bytes:
    if text[:1].isdigit():
        return bytes([int(text, 8) & 0xFF])
    if text not in _ESCAPES:
        raise FormatError(f"the escape {_shown(text)} after a backslash is none of C's")
    return _ESCAPES[text]


def _shown(text: bytes) -> str:
    return ascii(text.decode("latin-1"))
