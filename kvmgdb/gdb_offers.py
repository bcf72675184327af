"""What a gdb offers: it is asked as a stub would hear it, in its first ``qSupported``."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator

from kvmgdb.backends.base import Finding
from kvmgdb.rsp import framing

LIMIT = 10
"""Seconds gdb may take to start and say it."""

_WANTED = {
    "swbreak": "breakpoints that gdb writes itself are left to gdb's own guess of where the guest stands",
    "hwbreak": "a hardware breakpoint is told as a plain trap",
    "vContSupported": "`next` over a loop is a packet for each instruction",
    "error-message": "why a register was not written is on kvmgdb's standard error only (gdb 14 shows it)",
}
"""Features of gdb's that kvmgdb makes use of, and what it means where one is missing (GDB manual, "General
Query Packets": ``qSupported``)."""


def offers(path: str) -> frozenset[str]:
    """The features a gdb says it has.

    Raises:
        OSError: it cannot be started, or says nothing.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT)
        _, port = listener.getsockname()
        command = [path, "-nx", "-batch", "-ex", f"target remote 127.0.0.1:{port}"]
        with subprocess.Popen(  # noqa: S603 - a path that was just looked up
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as gdb:
            try:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(LIMIT)
                    return _first_query(connection)
            finally:
                gdb.kill()


def _first_query(connection: socket.socket) -> frozenset[str]:
    decoder = framing.Decoder()
    while data := connection.recv(4096):
        for event in decoder.feed(data):
            if isinstance(event, framing.Packet) and event.payload.startswith(b"qSupported:"):
                words = event.payload.decode("latin-1").partition(":")[2].split(";")
                return frozenset(word.removesuffix("+") for word in words if word.endswith("+"))
    raise OSError("it has hung up without a word")


def findings(name: str, path: str) -> Iterator[Finding]:
    """A line on what it offers, and one for each thing that is missing."""
    try:
        offered = offers(path)
    except OSError as problem:
        yield Finding(f"{name} offers", f"cannot be said: {problem}", ok=False)
        return
    yield Finding(f"{name} offers", ", ".join(sorted(offered)))
    for feature, consequence in _WANTED.items():
        if feature not in offered:
            yield Finding(f"without {feature}", consequence)
