"""What gdb prints for a structure: ``$1 = {exception = 1, pad = 0, pc = 0xfff0, ...}``.

A small parser for gdb's value syntax: nested structures, members without a name (anonymous unions),
characters after numbers, symbols after addresses, repeats.  Mistakes are named by their offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kvmgdb.errors import PayloadError

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<repeats><repeats\ (?P<times>\d{1,9})\ times>)
      | (?P<symbol><[^>]*>)
      | (?P<type>\([^)]*\))
      | (?P<char>'(?:\\.[0-7]*|[^'\\])')
      | (?P<string>"(?:\\.|[^"\\])*"(?:\.\.\.)?)
      | (?P<number>-?(?:0x[0-9a-fA-F]+|\d+)(?![\w]))
      | (?P<name>[A-Za-z_$][\w$]*)
      | (?P<mark>[{}=,])
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\([0-7]{1,3}|.)")
_LETTERS = {"n": 10, "t": 9, "r": 13, "a": 7, "b": 8, "f": 12, "v": 11, "e": 27}
MAX_DEPTH = 32
"""struct kvm_run is five deep; deeper input is not gdb's."""
MAX_REPEATS = 4096
"""The longest array in struct kvm_run is shorter; a longer repeat is not gdb's."""


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._match: re.Match[str] | None = None
        self._advance()

    def _advance(self) -> None:
        if self._match is not None:
            self._at = self._match.end()
        self._match = _TOKEN.match(self._text, self._at)

    @property
    def kind(self) -> str:
        """The kind of the next token; empty at the end, or where there is none."""
        return (self._match.lastgroup or "") if self._match else ""

    @property
    def text(self) -> str:
        return self._match.group().strip() if self._match else ""

    def at_end(self) -> bool:
        return not self._text[self._at :].strip()

    def fail(self, wanted: str) -> PayloadError:
        rest = self._text[self._at :].lstrip()
        offset = len(self._text) - len(rest)
        found = f"{rest[:20]!r}" if rest else "the end"
        return PayloadError(f"offset {offset}: expected {wanted}, found {found}")

    def take(self, mark: str) -> bool:
        if self.kind == "mark" and self.text == mark:
            self._advance()
            return True
        return False

    def take_word(self) -> str:
        word = self.text
        self._advance()
        return word

    def structures(self) -> Iterator[dict[str, Any]]:
        """Every structure at the top, its ``$1 =`` or ``name =`` passed over."""
        while not self.at_end():
            if self.kind == "name":
                self.take_word()
                if not self.take("="):
                    raise self.fail("=")
            elif self.kind == "type":
                self.take_word()
            elif self.kind == "mark" and self.text == "{":
                value = self._value(0)
                yield value if isinstance(value, dict) else {}
            else:
                raise self.fail("a structure in braces")

    def _value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise self.fail(f"at most {MAX_DEPTH} levels of braces")
        while self.kind == "type":
            self._advance()
        if self.take("{"):
            return self._braces(depth)
        if self.kind == "number":
            value: Any = self._number()
            while self.kind in ("char", "symbol"):
                self._advance()
            return value
        if self.kind in ("string", "char"):
            return self._bytes()
        if self.kind == "name":
            return self.take_word()
        raise self.fail("a value")

    def _number(self) -> int:
        """Decimal, hex, or octal as ``p/o`` prints it: with a zero in front."""
        problem = self.fail("a number")
        word = self.take_word()
        digits = word.removeprefix("-")
        try:
            return int(word, 8 if digits[:1] == "0" and digits.isdecimal() else 0)
        except ValueError:
            raise problem from None

    def _braces(self, depth: int) -> Any:
        names: dict[str, Any] = {}
        items: list[Any] = []
        while not self.take("}"):
            name = self.take_word() if self.kind == "name" else ""
            if name and not self.take("="):
                raise self.fail("= after a name")
            value = self._value(depth + 1)
            if name:
                names[name] = value
            elif isinstance(value, dict):
                names.update(value)
            else:
                items.extend(self._repeated(value))
            if not self.take(",") and not (self.kind == "mark" and self.text == "}"):
                raise self.fail(", or }")
        return items if items and not names else names

    def _repeated(self, value: Any) -> list[Any]:
        if self.kind != "repeats" or self._match is None:
            return [value]
        times = int(self._match.group("times"))
        if times > MAX_REPEATS:
            raise self.fail(f"at most {MAX_REPEATS} repeats")
        self._advance()
        return [value] * times

    def _bytes(self) -> bytes:
        """Strings and repeated characters, as gdb prints a byte array."""
        data = b""
        while self.kind in ("string", "char"):
            piece = _unescape(self.take_word().removesuffix("...")[1:-1])
            data += b"".join(self._repeated(piece))
            if self.kind == "mark" and self.text == "," and self._string_follows():
                self._advance()
        return data

    def _string_follows(self) -> bool:
        following = _TOKEN.match(self._text, self._match.end()) if self._match else None
        return following is not None and following.lastgroup in ("string", "char")


def _unescape(text: str) -> bytes:
    def byte(match: re.Match[str]) -> str:
        code = match.group(1)
        return chr(int(code, 8) & 0xFF if code[0] in "01234567" else _LETTERS.get(code, ord(code[0]) & 0xFF))

    return _ESCAPE.sub(byte, text).encode("latin-1", "replace")


def parse(text: str) -> Iterator[dict[str, Any]]:
    """Read every structure in ``text``.

    Raises:
        PayloadError: the first thing that is not gdb's syntax, with its offset.
    """
    return _Parser(text).structures()
