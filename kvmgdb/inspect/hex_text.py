r"""Bytes written as hex: bare, with 0x or \\x, or with the columns of xxd and hexdump -C."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kvmgdb.errors import PayloadError

_HEXDUMP = re.compile(
    r"^(?P<offset>[0-9a-fA-F]{8,16})(?::\s+(?P<xxd>.*?)(?:\s{2}.*)?|\s{2,}(?P<canonical>[0-9a-fA-F\s]*?)\s*\|.*\||)$"
)
_BYTES = re.compile(r"(?:0x|\\x)?([0-9a-fA-F]+)")
_SEPARATORS = " \t,;:-_"


def bytes_of(line: str) -> bytes:
    """Read one line of hex.

    Raises:
        PayloadError: something that is not hex, with its offset in the line, or half a byte.
    """
    data = bytearray()
    at = 0
    while at < len(line):
        if line[at] in _SEPARATORS or line[at].isspace():
            at += 1
            continue
        match = _BYTES.match(line, at)
        if match is None:
            raise PayloadError(f"offset {at}: {line[at : at + 10]!r} is not hex")
        digits = match.group(1)
        if len(digits) % 2:
            raise PayloadError(f"offset {at}: {len(digits)} hex digits are not whole bytes: {digits[:20]!r}")
        data += bytes.fromhex(digits)
        at = match.end()
    return bytes(data)


def is_hexdump(line: str) -> bool:
    """Tell a line of xxd (``00000000: 0100 ...``) or hexdump -C (``00000000  01 00 ...  |..|``)."""
    return _HEXDUMP.match(line) is not None


def exits_of(lines: Iterable[str]) -> Iterator[tuple[int, bytes]]:
    """Yield (line number, bytes): one exit a line, or the lines of one hex dump joined.

    Raises:
        PayloadError: as :func:`bytes_of`, with the line.
    """
    dump = bytearray()
    first = 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        columns = _HEXDUMP.match(text)
        if columns is not None:
            if int(columns["offset"], 16) == 0 and dump:
                yield first, bytes(dump)
                dump.clear()
            first = first if dump else number
            dump += bytes_of(columns["xxd"] or columns["canonical"] or "")
        elif text and not text.startswith("#") and text != "*":
            yield number, bytes_of(text)
    if dump:
        yield first, bytes(dump)
