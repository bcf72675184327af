"""Checksums and escapes of large payloads, at memory's speed.

For a memory transfer these two are nearly all of the server's work; in plain Python they take ten times
as long as the bytes take on a loopback socket.
"""

from __future__ import annotations

import numpy as np

from kvmgdb.rsp.framing import ESCAPE, ESCAPE_XOR


def checksum(data: bytes) -> int:
    """Sum of all bytes, modulo 256."""
    return int(np.frombuffer(data, np.uint8).sum(dtype=np.uint8))


def unescape(data: bytes) -> bytes | None:
    """Undo escapes; None where one follows another or is the last byte, as no debugger sends it."""
    marks = np.flatnonzero(np.frombuffer(data, np.uint8) == ESCAPE)
    if marks[-1] == len(data) - 1 or (np.diff(marks) == 1).any():
        return None
    plain = bytearray(data.replace(bytes((ESCAPE,)), b""))
    np.frombuffer(plain, np.uint8)[marks - np.arange(marks.size)] ^= ESCAPE_XOR
    return bytes(plain)
