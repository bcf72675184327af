"""The archive a Linux kernel unpacks as its first file system (``newc``).

Source: the kernel's ``Documentation/driver-api/early-userspace/buffer-format.rst``.  Several archives one
after the other are unpacked one over the other.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import BinaryIO

_MAGIC = b"070701"
_END = "TRAILER!!!"
Skip = Callable[[Path], bool]


def _nothing(_: Path) -> bool:
    return False


class Archive:
    """Writes entries; paths are absolute, and their folders come by themselves."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._known: set[PurePosixPath] = {PurePosixPath("/")}
        self._number = 0

    def __contains__(self, path: str) -> bool:
        return PurePosixPath(path) in self._known

    def folder(self, path: str) -> None:
        """A folder."""
        self._entry(path, stat.S_IFDIR | 0o755, b"")

    def file(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """A file."""
        self._entry(path, stat.S_IFREG | (0o755 if executable else 0o644), content)

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def device(self, path: str, major: int, minor: int) -> None:
        """A character device."""
        self._entry(path, stat.S_IFCHR | 0o600, b"", device=(major, minor))

    def copy(self, path: str, source: Path) -> None:
        """A file of the host's."""
        self.file(path, source.read_bytes(), executable=os.access(source, os.X_OK))

    def copy_tree(self, path: str, source: Path, skip: Skip = _nothing) -> None:
        """A folder of the host's with what is in it, links as they are, but not what ``skip`` names."""
        self.folder(path)
        for item in sorted(source.iterdir()):
            target = f"{path.rstrip('/')}/{item.name}"
            if skip(item):
                continue
            if item.is_symlink():
                self.link(target, str(item.readlink()))
            elif item.is_dir():
                self.copy_tree(target, item, skip)
            else:
                self.copy(target, item)

    def close(self) -> None:
        """Write the end; the kernel wants archives to begin at multiples of four."""
        self._write(_END, 0, b"", (0, 0))

    def _entry(self, path: str, mode: int, content: bytes, device: tuple[int, int] = (0, 0)) -> None:
        pure = PurePosixPath(path)
        if pure in self._known:
            return
        self._folders(reversed(pure.parents))
        self._known.add(pure)
        self._write(str(pure).lstrip("/"), mode, content, device)

    def _folders(self, parents: Iterable[PurePosixPath]) -> None:
        for parent in parents:
            if parent not in self._known:
                self.folder(str(parent))

    def _write(self, name: str, mode: int, content: bytes, device: tuple[int, int]) -> None:
        self._number += 1
        encoded = name.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (self._number, mode, 0, 0, links, 0, len(content), 0, 0, *device, len(encoded), 0)
        header = _MAGIC + b"".join(b"%08X" % field for field in fields) + encoded
        self._out.write(_padded(header))
        self._out.write(_padded(content))


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
