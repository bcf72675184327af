"""A configuration file and the files it includes."""

from __future__ import annotations

from pathlib import Path

from kvmgdb.config.text import no_file, printable
from kvmgdb.config.tree import Node, Origin
from kvmgdb.config.yaml_tree import read_yaml
from kvmgdb.errors import ConfigError

MAX_FILES = 32
"""Most files one configuration is made of: files that include each other twice would double each time."""


def file_trees(path: Path, problems: list[str]) -> list[Node]:
    """Read ``path`` and what it includes, lowest precedence first.

    What a file says stands above what its includes say, a later include above an earlier one.  A line is
    added to ``problems`` for every file that cannot be read.
    """
    reader = _Reader(problems)
    reader.read(path, ())
    return reader.trees


def node_trees(tree: Node, problems: list[str]) -> list[Node]:
    """The same for a part of a file: what it includes, and then itself."""
    reader = _Reader(problems)
    reader.take(tree, ())
    return reader.trees


class _Reader:
    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        self.trees: list[Node] = []
        self.files = 0

    def read(self, path: Path, chain: tuple[Path, ...]) -> None:
        """Read one file; ``chain`` has those that are being read, each including the next."""
        self.files += 1
        try:
            tree = read_yaml(path)
        except ConfigError as error:
            self.problems.append(str(error))
            return
        self.take(tree, (*chain, path))

    def take(self, tree: Node, chain: tuple[Path, ...]) -> None:
        """Read what ``tree`` includes, and add it."""
        for name, origin in _includes(tree):
            target = origin.folder / name
            problem = self.refusal(target, chain)
            if problem:
                self.problems.append(f"{origin.place}: include: {problem}")
            else:
                self.read(target, chain)
        self.trees.append(tree)

    def refusal(self, target: Path, chain: tuple[Path, ...]) -> str:
        """Why ``target`` cannot be included here; empty if it can."""
        if self.files >= MAX_FILES:
            return f"more than {MAX_FILES} files"
        if missing := no_file(target):
            return missing
        if any(target.resolve() == above.resolve() for above in chain):
            return f"{' includes '.join(printable(str(file)) for file in (*chain, target))}: a circle"
        return ""


def _includes(tree: Node) -> list[tuple[str, Origin]]:
    """Find the files to include; values of a wrong type are left to the validation."""
    include = tree.value.get("include") if isinstance(tree.value, dict) else None
    if include is None:
        return []
    nodes = include.value if isinstance(include.value, list) else [include]
    return [(node.value, node.origin) for node in nodes if isinstance(node.value, str) and node.value]
