"""A stub that does nothing: the floor of transport, client and Python.

It knows just enough to be driven through the same works: a resume with a breakpoint set stops at once, one
without runs until the interrupt byte comes.  ``floor.c`` is the same in C.
"""

from __future__ import annotations

import socket

from bench.client import RECEIVE_SIZE, escape, frame, look
from bench.guests import RANDOM_DATA
from kvmgdb.spinning import SPIN_SECONDS

PACKET_SIZE = 0x40000
"""As kvmgdb's, so that a bulk transfer has as few exchanges."""

STOP = frame(b"T05")
OK = frame(b"OK")
EMPTY = frame(b"")
OFFER = frame(b"PacketSize=%x;QStartNoAckMode+;binary-upload+" % PACKET_SIZE)


class DoNothing:
    """Replies by the first letters of a packet; remembers only how many breakpoints are set."""

    def __init__(self) -> None:
        self._points = 0
        self._running = False
        self._acks = True
        self._canned: dict[bytes, bytes] = {}

    def reply(self, payload: bytes) -> bytes:
        """The frame that answers a payload; empty while the "guest" runs."""
        letter = payload[:1]
        if letter in (b"m", b"x"):
            return self._memory(payload)
        if payload.startswith(b"vCont;c"):
            self._running = not self._points
            return b"" if self._running else STOP
        if payload.startswith(b"vCont;s"):
            return STOP
        if letter in b"Zz":
            self._points += 1 if letter == b"Z" else -1
            return OK
        return self._rare(payload)

    def _memory(self, payload: bytes) -> bytes:
        key = payload[:1] + payload.partition(b",")[2]
        if key not in self._canned:
            data = RANDOM_DATA[: int(key[1:], 16)]
            self._canned[key] = frame(b"b" + escape(data) if key[:1] == b"x" else data.hex().encode("ascii"))
        return self._canned[key]

    def _rare(self, payload: bytes) -> bytes:
        if payload.startswith(b"qSupported"):
            return OFFER
        return OK if payload[:1] in (b"X", b"Q") else EMPTY

    def feed(self, data: bytes) -> bytes:
        """The answer to what one ``recv`` brought."""
        if self._running and b"\x03" in data:
            self._running = False
            return STOP
        return self.reply(data[data.find(b"$") + 1 : -3])


def receive(connection: socket.socket, room: memoryview) -> bytes:
    """As kvmgdb does: look for what comes, then sleep."""
    length = look(connection, room, SPIN_SECONDS)
    return bytes(room[: connection.recv_into(room) if length is None else length])


def serve() -> None:
    """Listen on a free port, say which, serve one client.  Acks are sent until they are switched off."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"listening on tcp:127.0.0.1:{listener.getsockname()[1]}", flush=True)
        connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stub, waiting, room = DoNothing(), b"", memoryview(bytearray(RECEIVE_SIZE))
    while data := receive(connection, room):
        waiting += data if waiting else data.lstrip(b"+")
        if waiting[:1] == b"$" and waiting[-3:-2] != b"#":
            continue
        if waiting:
            connection.sendall(stub.feed(waiting))
        waiting = b""


if __name__ == "__main__":
    serve()
