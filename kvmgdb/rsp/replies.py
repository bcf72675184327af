"""The replies of the stub, as payload bytes."""

from __future__ import annotations

from typing import Final

from kvmgdb.arch.stops import Signal
from kvmgdb.errors import RspError
from kvmgdb.rsp.framing import escape

OK: Final = b"OK"
EMPTY: Final = b""
"""The answer to what the stub does not know or does not offer."""


def error(problem: RspError, with_text: bool) -> bytes:
    """``E.text`` for a gdb that understands it (feature ``error-message+``), else ``E nn``."""
    if not with_text:
        return b"E%02x" % (problem.number & 0xFF)
    return b"E." + escape(problem.text.encode("utf-8"))


def hex_text(text: str) -> bytes:
    """Text as gdb wants it in ``qRcmd`` and ``O`` replies."""
    return text.encode("utf-8", "replace").hex().encode("ascii")


def chunk(document: bytes, offset: int, length: int) -> bytes:
    """Part of a ``qXfer`` object: ``m`` and data where more follows, ``l`` at its end."""
    part = document[offset : offset + length]
    mark = b"m" if offset + length < len(document) else b"l"
    return mark + escape(part)


def stopped(signal: Signal, registers: bytes, *reasons: bytes) -> bytes:
    """``T``: a stop with its expedited registers (``number:value;`` each) and its reasons (``name:value``
    each; GDB manual, "Stop Reply Packets").
    """
    return b"T%02x%b%b;" % (signal, registers, b";".join(reasons))


def exited(status: int) -> bytes:
    """``W``: the guest ended by itself."""
    return b"W%02x" % (status & 0xFF)
