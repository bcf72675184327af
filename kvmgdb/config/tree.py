"""A configuration as a tree in which every value knows where it was written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from kvmgdb.config.text import printable

Scalar = str | int | float | bool | None
KeyPath = tuple[str | int, ...]
"""Keys and list positions from the root to a value."""


def path_text(path: KeyPath) -> str:
    """Write a path as messages do: ``guest.image[1].path``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{printable(part)}" for part in path]
    return "".join(parts).lstrip(".")


class Source(Enum):
    """What a value came from."""

    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from; ``str()`` is ``file lab.yaml:3:7``, ``flag --arch`` or ``default``."""

    source: Source
    name: str = ""
    """The file as the user named it, the variable, or the flag."""
    line: int = 0
    """From 1, in files."""
    column: int = 0
    via: str = ""
    """What stands between: ``preset minimal`` for a value that a preset brought."""

    @property
    def place(self) -> str:
        """How an error line begins: ``lab.yaml:3:7``, ``flag --arch``."""
        if self.source is Source.FILE:
            return f"{printable(self.name)}:{self.line}:{self.column}"
        return str(self)

    @property
    def folder(self) -> Path:
        """What a relative path is relative to: the folder of the file, or the working directory."""
        return Path(self.name).parent if self.source is Source.FILE else Path()

    def __str__(self) -> str:
        if self.source is Source.FILE:
            text = f"file {self.place}"
        else:
            text = f"{self.source.value} {printable(self.name)}".rstrip()
        return f"{self.via} ({text})" if self.via else text


@dataclass(frozen=True, slots=True)
class Node:
    """One value: a scalar, a mapping or a list of further nodes."""

    value: Scalar | dict[str, Node] | list[Node]
    origin: Origin
    key: Origin | None = None
    """Where its key stands, if it has one."""

    def plain(self) -> object:
        """Leave the origins out: plain dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def locate(self, path: KeyPath) -> tuple[Node, str]:
        """Find the nearest node on the way to ``path``, and its path as text (``guest.image[1].path``).

        A short form has fewer levels than what it stands for (``policy: minimal`` for a mapping, one
        image for a list of images): parts of ``path`` that are not here are skipped.
        """
        node = self
        found: KeyPath = ()
        for part in path:
            child = node._child(part)
            if child is not None:
                node, found = child, (*found, part)
        return node, path_text(found)

    def _child(self, part: str | int) -> Node | None:
        if isinstance(self.value, dict) and isinstance(part, str):
            return self.value.get(part)
        if isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            return self.value[part]
        return None
