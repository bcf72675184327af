"""A debugger in memory: its lines are written beforehand, what it was told is kept."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress

from kvmgdb.rsp.framing import Decoder, Packet, encode, escape
from kvmgdb.transport import Connection


class Unasked(bytes):
    """A line that arrives while the guest runs.  Others come when the server waits for them."""


class ScriptedConnection:
    """Says its lines, one at a time, and hangs up."""

    peer = "a test"

    def __init__(self, *lines: bytes) -> None:
        self._lines = deque(lines)
        self.sent = b""
        self.closed = False
        self._gone = False
        self.fd = os.eventfd(0, os.EFD_NONBLOCK)
        self._signal()

    def has_sent(self) -> bool:
        """Whether a line has arrived that nobody asked for, or the end."""
        return self._gone or bool(self._lines and isinstance(self._lines[0], Unasked))

    def _signal(self) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(self.fd)
        if self.has_sent():
            os.eventfd_write(self.fd, 1)

    def receive(self) -> bytes:
        """The next line; nothing once there are no more, and from then on."""
        line = self._lines.popleft() if self._lines else b""
        self._gone = not line
        self._signal()
        return line

    def send(self, data: bytes) -> None:
        """Keep what the server says."""
        self.sent += data

    def close(self) -> None:
        """The server has hung up."""
        self.closed = True
        os.close(self.fd)

    @property
    def replies(self) -> list[bytes]:
        """The payloads of the packets the server sent."""
        return [event.payload for event in Decoder().feed(self.sent) if isinstance(event, Packet)]


class ScriptedListener:
    """Debuggers that come one after the other; ``knocking`` says that they do not wait for the guest."""

    address = "a test"

    def __init__(self, *connections: ScriptedConnection, knocking: bool = False) -> None:
        self.connections = deque(connections)
        self.fd: int | None = os.eventfd(1 if knocking else 0)

    def accept(self) -> Connection | None:
        """The next one."""
        return self.connections.popleft() if self.connections else None

    def close(self) -> None:
        """Stop listening."""
        assert self.fd is not None
        os.close(self.fd)


def packet(text: str | bytes) -> bytes:
    """A packet as a debugger sends it."""
    return encode(escape(text.encode() if isinstance(text, str) else text))
