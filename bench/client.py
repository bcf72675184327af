"""A small client of the remote protocol: one request, one reply, nothing hidden.

The same client drives every server, so what it costs itself is the same for all of them; the do-nothing
stub measures it.  It does not verify checksums of replies and it does not send ahead, as gdb does not.
GDB manual, "Remote Protocol: Overview".

While it waits for a reply it stays awake for a millisecond.  A client that sleeps, as gdb does, has to be
woken for each reply, which on some hosts takes longer than any stub needs for it: such a bench measures the
host.
"""

from __future__ import annotations

import os
import re
import socket
import struct
from time import monotonic, perf_counter, sleep

RECEIVE_SIZE = 1 << 18

AWAKE_SECONDS = 0.001
"""How long a reply is looked for before the client sleeps.  Far more than one takes, but for those that end a
run of the guest."""

DEFAULT_PACKET = 400
"""Packet size in bytes to use with a stub that does not say (GDB manual, "qSupported": PacketSize)."""

FEATURES = (
    b"qSupported:swbreak+;hwbreak+;ConditionalBreakpoints+;error-message+;binary-upload+;vContSupported+"
)

_ESCAPED = re.compile(rb"\}(.)", re.DOTALL)
_NEEDS_ESCAPE = re.compile(rb"[#$}*]")


class ProtocolError(Exception):
    """A reply that is not what the request calls for; the text has both."""


def frame(payload: bytes) -> bytes:
    """``$payload#checksum``; binary data must be escaped already."""
    return b"$%b#%02x" % (payload, sum(payload) & 0xFF)


def escape(data: bytes) -> bytes:
    """Binary data as a payload may carry it."""
    return _NEEDS_ESCAPE.sub(lambda found: bytes((0x7D, found[0][0] ^ 0x20)), data)


def unescape(data: bytes) -> bytes:
    """The reverse of :func:`escape`."""
    return _ESCAPED.sub(lambda found: bytes((found[1][0] ^ 0x20,)), data)


def expand(data: bytes) -> bytes:
    """Undo run-length encoding: ``0*"`` stands for ``0000``."""
    head, *rest = data.split(b"*")
    out = bytearray(head)
    for part in rest:
        out += out[-1:] * (part[0] - 29) + part[1:]
    return bytes(out)


def look(connection: socket.socket, room: memoryview, seconds: float) -> int | None:
    """Receive what comes soon without sleeping: how many bytes are in ``room`` then; None if nothing came."""
    end = perf_counter() + seconds
    while perf_counter() < end:
        try:
            return connection.recv_into(room, 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            os.sched_yield()  # the other end may be on this processor
    return None


class Client:
    """One connection to a stub.  The socket is a blocking one."""

    def __init__(self, connection: socket.socket, *, awake: bool = True) -> None:
        self._socket = connection
        self._awake = awake
        self._room = memoryview(bytearray(RECEIVE_SIZE))  # made once: it takes longer than a small reply
        self._buffer = b""
        self._acks = True
        self.features: dict[str, str] = {}
        """What the stub offers: name -> value, or ``+`` or ``-``."""

    @property
    def address(self) -> str:
        """Where the server listens, as ``HOST:PORT``."""
        host, port = self._socket.getpeername()[:2]
        return f"{host}:{port}"

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def handshake(self) -> None:
        """Exchange features; leave acks behind where the stub can; choose a thread, as gdb does."""
        for item in self.ask(FEATURES).decode("latin-1").split(";"):
            name, equals, value = item.partition("=")
            self.features[name if equals else item[:-1]] = value if equals else item[-1:]
        if self.features.get("QStartNoAckMode") == "+":
            self.demand(b"QStartNoAckMode", b"OK")
            self._acks = False
        self.ask(b"Hg0")  # gdbserver reads no memory before

    @property
    def packet_size(self) -> int:
        """Largest payload the stub takes, in bytes."""
        return int(self.features.get("PacketSize", f"{DEFAULT_PACKET:x}"), 16)

    # -- packets -------------------------------------------------------------------------------------

    def send(self, framed: bytes) -> None:
        """Send a frame made by :func:`frame`."""
        self._socket.sendall(framed)

    def receive(self) -> bytes:
        """The next reply's payload as it is on the wire: escapes and run lengths are still in it."""
        buffer = self._buffer
        while (end := buffer.find(b"#")) < 0 or len(buffer) < end + 3:
            buffer += self._more()
        start = buffer.find(b"$")
        self._buffer = buffer[end + 3 :]
        if self._acks:
            self._socket.sendall(b"+")
        return buffer[start + 1 : end]

    def _more(self) -> bytes:
        length = (look(self._socket, self._room, AWAKE_SECONDS) if self._awake else None) or self._sleep()
        if not length:
            raise ProtocolError("the server hung up")
        return bytes(self._room[:length])

    def _sleep(self) -> int:
        try:
            return self._socket.recv_into(self._room)
        except BlockingIOError:
            raise TimeoutError("no reply came in time") from None

    def exchange(self, framed: bytes) -> bytes:
        """Send a frame, wait for its reply."""
        self._socket.sendall(framed)
        return self.receive()

    def ask(self, payload: bytes) -> bytes:
        """Frame a payload, send it, wait for its reply."""
        return self.exchange(frame(payload))

    def demand(self, payload: bytes, wanted: bytes) -> bytes:
        """Ask, and insist on what the reply starts with.

        Raises:
            ProtocolError: another reply.
        """
        reply = self.ask(payload)
        if not reply.startswith(wanted):
            raise ProtocolError(f"{payload[:40]!r} was answered {reply[:80]!r}, not {wanted!r}")
        return reply

    # -- what every work needs -------------------------------------------------------------------------

    def stop(self, framed: bytes) -> bytes:
        """Resume by a frame, wait for the stop reply."""
        reply = self.exchange(framed)
        if reply[:1] not in (b"T", b"S"):
            raise ProtocolError(f"{framed!r} was answered {reply[:80]!r}, which is no stop")
        return reply

    def interrupt(self) -> bytes:
        """Stop the running guest; the stop reply."""
        self._socket.sendall(b"\x03")
        reply = self.receive()
        if reply[:1] not in (b"T", b"S"):
            raise ProtocolError(f"an interrupt was answered {reply[:80]!r}, which is no stop")
        return reply

    def read(self, address: int, length: int) -> bytes:
        """Memory by one ``m``.

        Raises:
            ProtocolError: less came than was asked for.
        """
        reply = expand(self.ask(b"m%x,%x" % (address, length)))
        try:
            data = bytes.fromhex(reply.decode("ascii"))
        except ValueError:
            data = b""
        if len(data) != length:
            raise ProtocolError(f"m{address:x},{length:x} was answered {reply[:40]!r}")
        return data


def connect(host: str, port: int, timeout: float, *, awake: bool = True) -> Client:
    """A client of a server that may not listen yet.

    ``timeout`` in seconds holds for the wait here and for every reply later.  The kernel watches over it
    (socket(7), SO_RCVTIMEO): Python's own timeout would be one more system call for every packet.

    Raises:
        OSError: nobody listens there in time.
    """
    deadline = monotonic() + timeout
    while True:
        try:
            connection = socket.create_connection((host, port), timeout)
        except ConnectionRefusedError:
            if monotonic() > deadline:
                raise
            sleep(0.01)
        else:
            connection.settimeout(None)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", int(timeout), 0))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return Client(connection, awake=awake)
