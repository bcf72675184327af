"""The replies of the stub, as payload bytes."""

from __future__ import annotations

from enum import Enum
from typing import Final

from kvmgdb.arch.stops import Signal
from kvmgdb.errors import RspError
from kvmgdb.rsp.framing import escape

OK: Final = b"OK"
EMPTY: Final = b""
"""The answer to what the stub does not know or does not offer."""


class ErrorStyle(Enum):
    """How a debugger takes an error."""

    NUMBER = "number"
    TEXT = "text"
    """``E.text``: gdb's feature ``error-message+``."""
    BOTH = "both"
    """``E nn;text in hex``: LLDB's ``QEnableErrorStrings``."""


def error(problem: RspError, style: ErrorStyle) -> bytes:
    """``E nn``, with the reason where the debugger can show it."""
    if style is ErrorStyle.TEXT:
        return b"E." + escape(problem.text.encode("utf-8"))
    number = b"E%02x" % (problem.number & 0xFF)
    return number + b";" + hex_text(problem.text) if style is ErrorStyle.BOTH else number


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
