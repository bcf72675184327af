"""A channel to a part of QEMU that answers: its stub, its monitor."""

from __future__ import annotations

import socket

from kvmgdb.backends.qemu.gone import QemuGone
from kvmgdb.errors import BackendError

PATIENCE = 30.0
"""Seconds an answer may take: far more than any does, even where a machine is started."""


class Channel:
    """One connection; ``who`` is at the other end, for messages."""

    def __init__(self, connection: socket.socket, who: str) -> None:
        self._connection = connection
        self._connection.settimeout(PATIENCE)
        self._who = who

    def fileno(self) -> int:
        """For poll."""
        return self._connection.fileno()

    def send(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            QemuGone: QEMU has ended.
        """
        try:
            self._connection.sendall(data)
        except OSError as problem:
            raise QemuGone from problem

    def receive(self) -> bytes:
        """What has come; waits for the first byte.

        Raises:
            BackendError: nothing has.
            QemuGone: QEMU has ended.
        """
        try:
            data = self._connection.recv(1 << 16)
        except TimeoutError:
            raise BackendError(f"QEMU's {self._who} has not answered in {PATIENCE:.0f} s") from None
        except OSError as problem:
            raise QemuGone from problem
        if not data:
            raise QemuGone
        return data
