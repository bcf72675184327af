"""Packets on the wire: ``$payload#cs``, acks, escapes, run-length, the interrupt byte.

Bytes in, events out; no socket.  GDB manual, "Remote Protocol: Overview" and "Interrupts".

A :class:`Decoder` is fed whatever arrived and yields events.  It never fails: a frame with a wrong
checksum is an event (the peer sends it again when it is told), an oversized one is dropped whole and
reported, noise between frames is skipped.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_PACKET: Final = 0x40000
"""Largest payload accepted, and the PacketSize offered.

256 KiB holds 128 KiB of memory as hex, in one ``m``: beyond that the time of a transfer is that of its
bytes, and a client that sends without end must not make the server collect without end.
"""

INTERRUPT_BYTE: Final = 0x03
ESCAPE: Final = 0x7D
ESCAPE_XOR: Final = 0x20

_ESCAPED: Final = re.compile(rb"\}(.)", re.DOTALL)
_CHECKSUM: Final = re.compile(rb"[0-9a-fA-F]{2}")
_RUN: Final = re.compile(rb"([0-9a-f])\1{3,}")
_ZEROS: Final = b"0" * 16
_START: Final = re.compile(rb"[$+\-\x03]")


@dataclass(frozen=True, slots=True)
class Packet:
    """A whole packet, unescaped, its checksum right."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Ack:
    """A ``+`` or a ``-`` between packets."""

    ok: bool


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The byte 0x03 between packets: stop the guest."""


@dataclass(frozen=True, slots=True)
class BadPacket:
    """A frame that was refused; the peer is to be told ``-`` where acks are on."""

    reason: str


Event = Packet | Ack | Interrupt | BadPacket


def checksum(data: bytes) -> int:
    """Sum of all bytes, modulo 256.

    Adler-32's low half is 1 + the sum modulo 65521, so it *is* the sum for a slice too short to reach
    that: 256 bytes, or 512 of ASCII.  Four to nine times as fast as ``sum`` on a large packet.
    """
    if len(data) < 1024:
        return sum(data) & 0xFF
    step = 512 if data.isascii() else 256
    view = memoryview(data)
    adler32 = zlib.adler32
    parts = [adler32(view[i : i + step]) & 0xFFFF for i in range(0, len(data), step)]
    return (sum(parts) - len(parts)) & 0xFF


def escape(data: bytes) -> bytes:
    """``data`` with the four bytes a payload may not hold (``# $ } *``) escaped."""
    for byte in b"}#$*":  # the escape itself first
        data = data.replace(bytes((byte,)), bytes((ESCAPE, byte ^ ESCAPE_XOR)))
    return data


def unescape(data: bytes) -> bytes:
    """The reverse of :func:`escape`; any byte may come escaped."""
    if ESCAPE not in data:
        return data
    return _ESCAPED.sub(lambda m: bytes((m[1][0] ^ ESCAPE_XOR,)), data)


def expand_runs(data: bytes, limit: int = 2 * MAX_PACKET) -> bytes:
    """Undo run-length encoding: ``0* `` stands for ``0000`` (GDB manual, "Overview").

    Raises:
        ValueError: a mark with nothing to repeat or without a count, or more than ``limit`` bytes come out.
    """
    out = bytearray()
    place = 0
    while (mark := data.find(b"*", place)) >= 0:
        out += data[place:mark]
        count = data[mark + 1 : mark + 2]  # a printable character, an asterisk (13) among them
        if not out or not b" " <= count <= b"~":
            raise ValueError("a run-length mark with nothing to repeat, or without a count")
        out += out[-1:] * (count[0] - 29)
        if len(out) > limit:
            raise ValueError(f"run-length marks that expand to more than {limit} bytes")
        place = mark + 2
    return bytes(out + data[place:])


def compress_runs(data: bytes) -> bytes:
    """Run-length encode runs of hex digits; only for payloads that are text without ``*``.

    A repeat count is sent as the character count + 29; ``#`` and ``$`` would end or start a frame, so
    counts of 6 and 7 are sent as 5 (GDB manual, "Overview").  The search costs more than the bytes on
    a loopback socket, so it is made only where at least half of the payload is long runs of zeros.
    """
    if 2 * len(_ZEROS) * data.count(_ZEROS) < len(data):
        return data
    return _RUN.sub(_shorten, data)


def _shorten(match: re.Match[bytes]) -> bytes:
    digit = match[1]
    repeats = len(match[0]) - 1
    out = bytearray(digit)
    while repeats >= 3:
        count = min(repeats, 97)
        if count in (6, 7):
            count = 5
        out += bytes((0x2A, count + 29))
        repeats -= count
        if repeats:
            out += digit
            repeats -= 1
    return bytes(out) + digit * repeats


def encode(payload: bytes) -> bytes:
    """A frame around a payload that is already escaped or needs no escapes."""
    return b"$%b#%02x" % (payload, checksum(payload))


class Decoder:
    """Turns a stream of bytes into events."""

    def __init__(self, max_packet: int = MAX_PACKET) -> None:
        self._buffer = bytearray()
        self._max_frame = 2 * max_packet + 4  # every byte may come escaped
        self._skipping = False  # inside a frame that is too long: drop up to its end

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take bytes in; yield the events they complete."""
        self._buffer += data
        while (event := self._next()) is not None:
            yield event

    def _next(self) -> Event | None:
        buffer = self._buffer
        if self._skipping and not self._skip_to_end():
            return None
        start = _START.search(buffer)
        if start is None:
            buffer.clear()
            return None
        del buffer[: start.start()]
        first = buffer[0]
        if first == 0x24:
            return self._frame()
        del buffer[0]
        return Interrupt() if first == INTERRUPT_BYTE else Ack(first == 0x2B)

    def _skip_to_end(self) -> bool:
        end = self._buffer.find(b"#")
        if end < 0 or len(self._buffer) < end + 3:
            del self._buffer[: end if end >= 0 else len(self._buffer)]
            return False
        del self._buffer[: end + 3]
        self._skipping = False
        return True

    def _frame(self) -> Event | None:
        buffer = self._buffer
        end = buffer.find(b"#", 0, self._max_frame + 1)
        if end < 0 and len(buffer) > self._max_frame:
            self._skipping = True
            return BadPacket(f"a packet of more than {self._max_frame} bytes")
        if end < 0 or len(buffer) < end + 3:
            return None
        body = bytes(buffer[1:end])
        sent = bytes(buffer[end + 1 : end + 3])
        del buffer[: end + 3]
        if not _CHECKSUM.fullmatch(sent) or int(sent, 16) != checksum(body):
            return BadPacket(f"checksum {sent!r} does not fit {checksum(body):02x}")
        try:
            # Binary payloads escape their own asterisks, so any left are run lengths.
            return Packet(unescape(expand_runs(body) if b"*" in body else body))
        except ValueError as problem:
            return BadPacket(str(problem))
