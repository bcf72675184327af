"""YAML text to a :class:`~kvmgdb.config.tree.Node` tree: safe, with positions, and bounded.

PyYAML composes the text into nodes; the values are made here, so that only plain scalars, mappings and
lists exist and every one keeps its line and column.  Aliases and merge keys (``<<``) work; a key that
stands twice in one mapping is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import yaml
from yaml.composer import ComposerError
from yaml.error import Mark, MarkedYAMLError
from yaml.nodes import MappingNode, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from kvmgdb.config.problems import raise_problems
from kvmgdb.config.text import printable, shown
from kvmgdb.config.tree import KeyPath, Node, Origin, Scalar, Source, path_text
from kvmgdb.errors import ConfigError

MAX_BYTES = 64 * 1024
"""Largest file.  A configuration has some hundred bytes; PyYAML reads about 50 kB in a second."""
MAX_NODES = 10_000
"""Most values in one file, an alias counted each time it stands for something: ten aliases of ten aliases
of ... (the "billion laughs") end here, after milliseconds."""
MAX_DEPTH = 32
"""Deepest nesting; a configuration has five levels.  It also ends an alias that contains itself."""

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"


def read_yaml(path: Path) -> Node:
    """Read and parse a file; :class:`ConfigError` says what is wrong where."""
    name = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{printable(name)}: cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{printable(name)}: larger than {MAX_BYTES // 1024} KiB: not a configuration")
    try:
        return parse_yaml(data.decode("utf-8-sig"), name)
    except UnicodeDecodeError as error:
        where = _position(data[: error.start].decode("utf-8", "replace"), name)
        raise ConfigError(f"{where.place}: expected UTF-8 text, found {_bytes(error)}") from None


def parse_yaml(text: str, name: str) -> Node:
    """Parse one document, which must be a mapping; ``name`` is what errors call the file."""
    try:
        root = _Loader(text).get_single_node()
    except ReaderError as error:
        where = _position(text[: error.position], name)
        raise ConfigError(
            f"{where.place}: not valid YAML: the character {shown(chr(error.character))}"
        ) from None
    except MarkedYAMLError as error:
        raise ConfigError(_syntax_problem(error, name)) from None
    if isinstance(root, MappingNode):
        return _Builder(name).tree(root)
    where = _origin(root.start_mark, name) if root else Origin(Source.FILE, name, 1, 1)
    found = "an empty file" if root is None else shown(root.value)
    raise ConfigError(f"{where.place}: expected keys and values (version: 1, ...), found {found}")


def parse_scalar(text: str) -> Scalar:
    """Read one value as YAML reads an unquoted one: ``0x10`` is a number, ``true`` a truth value."""
    tag = _Loader("").resolve(ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return _SCALARS[tag](text) if tag in _SCALARS else text


class _Loader(yaml.SafeLoader):
    """PyYAML's composer with a limit to nesting, so that it ends with an error and not with the stack."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ComposerError(None, None, _TOO_DEEP, parent.start_mark if parent else None)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"


class _Builder:
    """Turns composed nodes into our own; limits end it, other problems are collected."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.problems: list[str] = []

    def tree(self, root: MappingNode) -> Node:
        tree = self.build(root, ())
        raise_problems(self.problems)
        return tree

    def build(self, node: yaml.Node, path: KeyPath, key: Origin | None = None) -> Node:
        self.spend(node, path)
        origin = _origin(node.start_mark, self.name)
        if isinstance(node, MappingNode) and node.tag == _TAG + "map":
            return Node(self.mapping(node, path), origin, key)
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            items = [self.build(item, (*path, number)) for number, item in enumerate(node.value)]
            return Node(items, origin, key)
        if isinstance(node, ScalarNode) and node.tag in _SCALARS:
            return Node(_SCALARS[node.tag](node.value), origin, key)
        self.report(origin, path, f"expected plain YAML, found the tag {shown(node.tag)}")
        return Node(None, origin, key)

    def mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Node]:
        merged: dict[str, Node] = {}
        own: dict[str, Node] = {}
        places: dict[str, Origin] = {}
        for key_node, value_node in node.value:
            key, name = _origin(key_node.start_mark, self.name), key_node.value
            if not isinstance(key_node, ScalarNode):
                self.report(key, path, "expected a name as key, found a list or a mapping")
            elif name in places:
                first = f"{places[name].line}:{places[name].column}"
                hint = "; <<: [*one, *other] takes several" if key_node.tag == _MERGE else ""
                self.report(key, (*path, name), f"this key stands here twice (first at {first}){hint}")
            elif key_node.tag == _MERGE:
                places[name] = key
                merged = self.merge(value_node, (*path, name))
            else:
                places[name] = key
                own[name] = self.build(value_node, (*path, name), key)
        return merged | own

    def merge(self, node: yaml.Node, path: KeyPath) -> dict[str, Node]:
        """Expand a merge key; of several mappings the first wins (YAML merge key type, 2005)."""
        merged: dict[str, Node] = {}
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            self.spend(source, path)
            if isinstance(source, MappingNode):
                merged = self.mapping(source, path) | merged
            else:
                where = _origin(source.start_mark, self.name)
                self.report(where, path, "expected a mapping or a list of mappings")
        return merged

    def spend(self, node: yaml.Node, path: KeyPath) -> None:
        self.count += 1
        problem = ""
        if len(path) > MAX_DEPTH:
            problem = f"{_TOO_DEEP}: does an alias contain itself?"
        elif self.count > MAX_NODES:
            problem = f"more than {MAX_NODES} values once every alias is expanded"
        if problem:
            raise ConfigError(f"{_origin(node.start_mark, self.name).place}: {problem}")

    def report(self, origin: Origin, path: KeyPath, problem: str) -> None:
        self.problems.append(": ".join(filter(None, (origin.place, path_text(path), problem))))


_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]{0,30}|0[xX][0-9a-fA-F][0-9a-fA-F_]{0,30}|0b[01][01_]{0,130})")
_TRUTH = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


def _integer(text: str) -> Scalar:
    """Read a number, but leave as text what YAML 1.1 alone calls one: 0100 (octal), 1:30 (base 60)."""
    return int(text.replace("_", ""), 0) if _INTEGER.fullmatch(text) else text


def _float(text: str) -> Scalar:
    try:
        return float(text.replace("_", ""))
    except ValueError:
        return text


def _truth(text: str) -> Scalar:
    return _TRUTH.get(text.lower(), text)


def _null(_text: str) -> Scalar:
    return None


_SCALARS: dict[str, Callable[[str], Scalar]] = {
    _TAG + "str": str,
    _TAG + "int": _integer,
    _TAG + "float": _float,
    _TAG + "bool": _truth,
    _TAG + "null": _null,
    _TAG + "timestamp": str,
    _TAG + "value": str,
}


def _origin(mark: Mark, name: str) -> Origin:
    return Origin(Source.FILE, name, mark.line + 1, mark.column + 1)


def _position(before: str, name: str) -> Origin:
    """Find the place right after ``before``, which is how the file begins."""
    line = before.count("\n")
    return Origin(Source.FILE, name, line + 1, len(before) - before.rfind("\n"))


_SLIPS = (
    ("'\\t'", "", "a tab; YAML takes spaces only"),
    ("mapping values are not allowed", "", 'a second ": " here; text that holds one needs quotes'),
    (
        "could not find expected ':'",
        "scanning a simple key",
        'a line without ": " between a key and its value',
    ),
    ("expected <block end>", "block mapping", "this line's indentation fits none above it"),
    ("expected <block end>", "block collection", "this line's indentation fits none above it"),
    ("unexpected end of stream", "quoted scalar", "a quote that is never closed"),
    ("expected ',' or '}'", "flow mapping", 'expected "," or "}" for the "{" at OPENED'),
    ("expected ',' or ']'", "flow sequence", 'expected "," or "]" for the "[" at OPENED'),
)
"""What PyYAML says, in what context, and what that means to people; OPENED is where the context begins."""
_AT_ITS_BEGINNING = ("scanning a simple key", "quoted scalar")
"""Contexts whose beginning is where the mistake is; PyYAML points at where it gave up."""


def _syntax_problem(error: MarkedYAMLError, name: str) -> str:
    problem, context = error.problem or "", error.context or ""
    mark = error.problem_mark or error.context_mark
    if error.context_mark and any(words in context for words in _AT_ITS_BEGINNING):
        mark = error.context_mark
    where = _origin(mark, name).place if mark else printable(name)
    for words, within, meaning in _SLIPS:
        if words in problem and within in context:
            begin = error.context_mark or mark
            opened = f"{begin.line + 1}:{begin.column + 1}" if begin else "its beginning"
            return f"{where}: not valid YAML: {meaning.replace('OPENED', opened)}"
    if problem.startswith("but "):
        problem = f"{context}, {problem}"
    elif context:
        problem = f"{problem} ({context})"
    return f"{where}: not valid YAML: {problem}"


def _bytes(error: UnicodeDecodeError) -> str:
    return f"the byte {error.object[error.start]:#04x}"
