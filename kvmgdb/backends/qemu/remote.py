"""The debugger's side of the remote protocol: questions to QEMU's stub.

QEMU takes a new packet for the acknowledgement of its last, and while the guest runs it takes any byte for an
interrupt.  So nothing is ever acknowledged.
"""

from __future__ import annotations

import socket
from binascii import hexlify, unhexlify

from kvmgdb.backends.qemu.channel import Channel
from kvmgdb.errors import BackendError
from kvmgdb.rsp import framing

WRITE_CHUNK = 1500
"""Bytes a write carries: as hex they fit into the 4096 of QEMU's packets."""
READ_CHUNK = 1500


class Remote:
    """One connection."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = Channel(channel, "stub")
        self._decoder = framing.Decoder()

    def fileno(self) -> int:
        """For poll."""
        return self._channel.fileno()

    def ask(self, payload: bytes) -> bytes:
        """A packet and its answer; empty where QEMU does not know the packet.

        Raises:
            BackendError: no answer.
            QemuGone: QEMU has ended.
        """
        self.send(payload)
        while True:
            answer = self.receive()
            if answer is not None:
                return answer

    def send(self, payload: bytes) -> None:
        """A packet whose answer comes when it comes: the guest runs."""
        self._channel.send(framing.encode(payload))

    def interrupt(self) -> None:
        """Stop the guest.  QEMU ignores it where the guest has stopped by itself meanwhile."""
        self._channel.send(bytes((framing.INTERRUPT_BYTE,)))

    def receive(self) -> bytes | None:
        """Take what has come; the answer, once it is whole."""
        for event in self._decoder.feed(self._channel.receive()):
            if isinstance(event, framing.Packet):
                return event.payload
            if isinstance(event, framing.BadPacket):
                raise BackendError(f"QEMU's stub sends what is no packet: {event.reason}")
        return None

    def read_memory(self, address: int, length: int) -> bytes:
        """Memory (``m``): physical, after ``Qqemu.PhyMemMode:1``; shorter where QEMU refuses the rest."""
        found = b""
        while len(found) < length:
            size = min(READ_CHUNK, length - len(found))
            answer = self.ask(b"m%x,%x" % (address + len(found), size))
            if not answer or answer.startswith(b"E"):
                break
            found += unhexlify(answer)
        return found

    def write_memory(self, address: int, data: bytes) -> bool:
        """Write memory (``M``); False where QEMU refuses."""
        for start in range(0, len(data), WRITE_CHUNK):
            piece = data[start : start + WRITE_CHUNK]
            if self.ask(b"M%x,%x:%b" % (address + start, len(piece), hexlify(piece))) != b"OK":
                return False
        return True

    def read_object(self, kind: str, annex: str) -> bytes:
        """A whole object (``qXfer:KIND:read:ANNEX``)."""
        found = b""
        while True:
            answer = self.ask(f"qXfer:{kind}:read:{annex}:{len(found):x},ffb".encode("ascii"))
            if answer[:1] not in (b"l", b"m"):
                raise BackendError(f"QEMU's stub does not give {kind} {annex}: {answer[:60]!r}")
            found += answer[1:]
            if answer[:1] == b"l":
                return found
