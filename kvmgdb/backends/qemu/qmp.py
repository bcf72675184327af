"""QEMU's monitor protocol: lines of JSON (``docs/interop/qmp-spec`` of QEMU's manual)."""

from __future__ import annotations

import json
import socket
from typing import Any

from kvmgdb.backends.qemu.channel import Channel
from kvmgdb.errors import BackendError


class Qmp:
    """One connection."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = Channel(channel, "monitor")
        self._buffer = bytearray()
        self.shutdown = ""
        """Why the guest's machine has gone down, as the event SHUTDOWN says it; empty while it is up."""
        self.version = self._next()["QMP"]["version"]["qemu"]
        self.command("qmp_capabilities")

    def fileno(self) -> int:
        """For poll."""
        return self._channel.fileno()

    def command(self, name: str, **arguments: object) -> Any:
        """Execute a command.

        Raises:
            BackendError: QEMU refuses it.
            QemuGone: QEMU has ended.
        """
        line = json.dumps({"execute": name, "arguments": arguments})
        self._channel.send(line.encode("ascii") + b"\n")
        while True:
            answer = self._next()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise BackendError(f"QEMU refuses {name}: {answer['error'].get('desc', answer['error'])}")
            self._on_event(answer)

    def human(self, line: str) -> str:
        """What the human monitor prints for a command."""
        text: str = self.command("human-monitor-command", **{"command-line": line})
        return text

    def drain(self) -> None:
        """Take the events that have come: two for every stop, which QEMU would keep for us."""
        self._receive()
        while b"\n" in self._buffer:
            self._on_event(self._next())

    def _on_event(self, event: dict[str, Any]) -> None:
        if event.get("event") == "SHUTDOWN":
            self.shutdown = event.get("data", {}).get("reason", "unknown")

    def _next(self) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            self._receive()
        line, _, rest = self._buffer.partition(b"\n")
        self._buffer = rest
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _receive(self) -> None:
        self._buffer += self._channel.receive()
