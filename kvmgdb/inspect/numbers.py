"""Numbers as people and programs write them."""

from __future__ import annotations

from kvmgdb.errors import PayloadError

LIMIT = 1 << 64
SHOWN = 60
"""Characters of foreign input that a message repeats."""


def shown(text: object) -> str:
    """Make foreign input fit for a message: one line, printable, not too long."""
    line = "".join(c if c.isprintable() else "?" for c in str(text)[: SHOWN + 1])
    return line if len(line) <= SHOWN else line[:SHOWN] + "..."


def number(text: object, what: str) -> int:
    """Read an unsigned number of up to 64 bits: 10, 0x10, "0x10".

    Raises:
        PayloadError: it is not one; the message begins with ``what``.
    """
    value = text
    if isinstance(text, str):
        try:
            value = int(text, 0)
        except ValueError:
            raise PayloadError(f"{shown(what)} is not a number: {text[:40]!r}") from None
    if not isinstance(value, int) or isinstance(value, bool):
        raise PayloadError(f"{shown(what)} is not a number: {str(text)[:40]!r}")
    if not 0 <= value < LIMIT:
        raise PayloadError(f"{shown(what)} does not fit 64 bits: {str(text)[:40]}")
    return value
