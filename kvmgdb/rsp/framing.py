"""Packets on the wire: ``$payload#cs``, acks, escapes, run-length, the interrupt byte.

Bytes in, events out; no socket.  GDB manual, "Remote Protocol: Overview" and "Interrupts".

A :class:`Decoder` is fed whatever arrived and yields events.  It never fails: a frame with a wrong
checksum is an event (the peer sends it again when it is told), an oversized one is dropped whole and
reported, noise between frames is skipped.
"""

from __future__ import annotations

import re
from binascii import hexlify
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from kvmgdb.rsp.bulk import ESCAPE, ESCAPE_XOR, checksum, unescape

MAX_PACKET: Final = 0x40000
"""Largest payload accepted, and the PacketSize offered.

256 KiB holds 128 KiB of memory as hex, in one ``m``: beyond that the time of a transfer is that of its
bytes, and a client that sends without end must not make the server collect without end.
"""

INTERRUPT_BYTE: Final = 0x03

_PIECE: Final = 490
_EMPTY: Final = {bytes(_PIECE): b"0*~" * 10, b"\xff" * _PIECE: b"f*~" * 10}
"""Pieces of empty memory and their short form.  ``~`` stands for the longest run, a digit and 97 more."""
_SAMPLE: Final = 8192
_DIGITS: Final = tuple(b"%02x" % value for value in range(256))
_START: Final = re.compile(rb"[$+\-\x03]")


class Packet(NamedTuple):
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


SHORT: Final = 64
"""Frames up to this length are remembered: a debugger sends the same few over and over."""


def escape(data: bytes) -> bytes:
    """``data`` with the four bytes a payload may not hold (``# $ } *``) escaped."""
    for byte in b"}#$*":  # the escape itself first
        data = data.replace(bytes((byte,)), bytes((ESCAPE, byte ^ ESCAPE_XOR)))
    return data


def expand_runs(data: bytes, limit: int = 2 * MAX_PACKET) -> bytes:
    """Undo run-length encoding: ``0* `` stands for ``0000`` (GDB manual, "Overview").

    Raises:
        ValueError: a mark with nothing to repeat or without a count, or more than ``limit`` bytes come out.
    """
    if b"*" not in data:
        return data
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


def hexadecimal(data: bytes) -> bytes:
    """Memory as hex digits; long stretches of zeros and of ones, as empty memory is, are run-length encoded
    (GDB manual, "Overview").

    The search takes about as long as the digits, and the bytes on a loopback socket next to nothing: it is
    made only where at least half of the memory's beginning is empty, and by the piece.
    """
    if len(data) < _PIECE:
        return hexlify(data)
    sample = data[:_SAMPLE]
    if 2 * _PIECE * sum(map(sample.count, _EMPTY)) < len(sample):
        return hexlify(data)
    pieces = [data[start : start + _PIECE] for start in range(0, len(data), _PIECE)]
    return b"".join([_EMPTY.get(piece) or hexlify(piece) for piece in pieces])


def encode(payload: bytes) -> bytes:
    """A frame around a payload that is already escaped or needs no escapes."""
    return b"$%b#%b" % (payload, _DIGITS[checksum(payload)])


class Decoder:
    """Turns a stream of bytes into events."""

    def __init__(self, max_packet: int = MAX_PACKET) -> None:
        self._buffer = bytearray()
        self._searched = 0  # so many bytes of the frame in the buffer hold no end of it
        self._max_frame = 2 * max_packet + 4  # every byte may come escaped
        self._short = min(SHORT, self._max_frame)
        self._skipping = False  # inside a frame that is too long: drop up to its end

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes in; the events they complete."""
        if not self._buffer and not self._skipping:  # one whole frame is how nearly all come
            whole = _whole_short(data) if len(data) <= self._short else _whole(data, self._max_frame)
            if whole is not None:
                return [whole]
        self._buffer += data
        events = []
        while (event := self._next()) is not None:
            events.append(event)
        return events

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
        end = buffer.find(b"#", self._searched, self._max_frame + 1)
        if end < 0 or len(buffer) < end + 3:
            self._searched = end if end >= 0 else len(buffer)
            if end >= 0 or len(buffer) <= self._max_frame:
                return None
            self._skipping, self._searched = True, 0
            return BadPacket(f"a packet of more than {self._max_frame} bytes")
        with memoryview(buffer) as view:  # one copy and not two
            body, sent = bytes(view[1:end]), bytes(view[end + 1 : end + 3])
        del buffer[: end + 3]
        self._searched = 0
        return _packet(body, sent)


def _whole(data: bytes, longest: int) -> Packet | BadPacket | None:
    """The event of ``data``, if that is one frame from end to end."""
    if data[:1] != b"$":
        return None
    end = data.find(b"#")
    return _packet(data[1:end], data[end + 1 :]) if 0 <= end == len(data) - 3 <= longest else None


@lru_cache(maxsize=4096)
def _whole_short(data: bytes) -> Packet | BadPacket | None:
    return _whole(data, SHORT)


def _packet(body: bytes, sent: bytes) -> Packet | BadPacket:
    """A frame's insides and the two digits after them."""
    expected = _DIGITS[checksum(body)]
    if sent != expected and sent.lower() != expected:
        return BadPacket(f"checksum {sent!r} does not fit {expected.decode('ascii')}")
    if b"*" not in body and b"}" not in body:
        return Packet(body)
    try:
        # Binary payloads escape their own asterisks, so any left are run lengths.
        return Packet(unescape(expand_runs(body)))
    except ValueError as problem:
        return BadPacket(str(problem))
