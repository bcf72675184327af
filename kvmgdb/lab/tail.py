"""Reading what is added to a file, for as long as it grows."""

from __future__ import annotations

import ctypes
from pathlib import Path

HOLE = 1 << 20
"""Bytes that have been read until their place on the disk is given back."""
_PUNCH_HOLE_KEEP_SIZE = 3
"""``FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE`` (fallocate(2))."""


class Tail:
    """A file of lines, each of which is read once.

    A guest may print for days: with ``consume`` what has been read is given back to the disk.  Whoever writes
    the file does not notice.
    """

    def __init__(self, path: Path, *, consume: bool) -> None:
        self._path = path
        self._consume = consume
        self._read = 0
        self._freed = 0
        self._rest = b""

    def lines(self) -> list[str]:
        """The whole lines that have come since the last call."""
        try:
            with self._path.open("r+b" if self._consume else "rb", buffering=0) as file:
                file.seek(self._read)
                data = file.read()
                self._read += len(data)
                if self._consume and self._read - self._freed >= HOLE:
                    self._free(file.fileno())
        except FileNotFoundError:  # its writer has not come that far
            return []
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]

    def _free(self, number: int) -> None:
        start, length = ctypes.c_int64(self._freed), ctypes.c_int64(self._read - self._freed)
        ctypes.CDLL(None).fallocate(number, _PUNCH_HOLE_KEEP_SIZE, start, length)  # where it cannot, it stays
        self._freed = self._read
