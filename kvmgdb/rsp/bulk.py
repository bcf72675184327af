"""What has to look at every byte of a packet: checksums, and undoing escapes.

For a memory transfer these two are most of the server's work.  They are compiled (``_bulk.c``) where a C
compiler was at hand when kvmgdb was installed; elsewhere they are done here, which takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final
from zlib import adler32

ESCAPE: Final = 0x7D
ESCAPE_XOR: Final = 0x20

_PIECE: Final = 256
"""Bytes whose sum Adler-32 (RFC 1950) keeps whole in its low half: that is one more, modulo 65521."""
_PLAIN: Final = tuple(bytes((value ^ ESCAPE_XOR,)) for value in range(256))


def plain_checksum(data: bytes) -> int:
    """Sum of all bytes, modulo 256."""
    if len(data) <= _PIECE:
        return sum(data) & 0xFF
    starts = range(0, len(data), _PIECE)
    return sum([(adler32(data[start : start + _PIECE]) & 0xFFFF) - 1 for start in starts]) & 0xFF


def plain_unescape(data: bytes) -> bytes:
    """Undo escapes (GDB manual, "Overview"); any byte may come escaped."""
    first, *rest = data.split(b"}")
    out, pieces = [first], iter(rest)
    for piece in pieces:
        if piece:
            out += (_PLAIN[piece[0]], piece[1:])
            continue
        following = next(pieces, None)  # the escaped byte is itself an escape
        out += (b"}",) if following is None else (_PLAIN[ESCAPE], following)
    return b"".join(out)


checksum: Callable[[bytes], int] = plain_checksum
unescape: Callable[[bytes], bytes] = plain_unescape
COMPILED = False
"""Whether they are the compiled ones."""
with suppress(ImportError):
    from kvmgdb.rsp import _bulk

    checksum, unescape, COMPILED = _bulk.checksum, _bulk.unescape, True
