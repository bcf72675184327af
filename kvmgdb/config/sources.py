"""What the environment and the command line say, as trees like those of a file."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from kvmgdb.config.text import shown
from kvmgdb.config.tree import Node, Origin, Scalar, Source
from kvmgdb.config.yaml_tree import parse_scalar
from kvmgdb.errors import ConfigError

log = logging.getLogger(__name__)

NAMES: dict[str, str] = {
    "arch": "arch",
    "backend": "backend",
    "image": "guest.image",
    "memory": "guest.memory",
    "entry": "guest.entry",
    "listen": "listen",
    "allow_remote": "allow_remote",
    "once": "once",
    "run": "run",
    "trace": "trace",
    "policy": "policy",
}
"""Name -> key of the file.  The flag ``--allow-remote`` and the variable ``KVMGDB_ALLOW_REMOTE`` follow from
the name ``allow_remote``; other ``KVMGDB_*`` variables are not configuration."""

PREFIX = "KVMGDB_"
NEARLY = 0.75
"""How alike two names must be (difflib's ratio) for one to be taken for the other misspelt."""

_FILE_ONLY = ("version", "include")


def flag_of(name: str) -> str:
    """Name the flag that sets ``name``: ``--allow-remote``."""
    return "--" + name.replace("_", "-")


def variable_of(name: str) -> str:
    """Name the environment variable that sets ``name``: ``KVMGDB_ALLOW_REMOTE``."""
    return PREFIX + name.upper()


def environment_tree(environment: Mapping[str, str]) -> Node:
    """Collect the ``KVMGDB_*`` variables that are configuration; an empty one counts as not set.

    A variable that is nearly one of them is a slip of the pen, sooner than somebody else's: a warning.
    """
    for variable in sorted(environment):
        name = variable.removeprefix(PREFIX).lower()
        near = difflib.get_close_matches(name, NAMES, 1, NEARLY) if variable.startswith(PREFIX) else []
        if near and name not in NAMES:
            log.warning(
                'environment %s: no such variable; did you mean "%s"?', variable, variable_of(near[0])
            )
    return _tree(
        (key, environment[variable_of(name)], Origin(Source.ENVIRONMENT, variable_of(name)))
        for name, key in NAMES.items()
        if environment.get(variable_of(name))
    )


def flags_tree(flags: Mapping[str, object]) -> Node:
    """Collect the flags, by the names in :data:`NAMES`; None and an empty list count as not given.

    False is a value (``--no-once``): a flag that can only be given or not has to be None when it is not.
    """
    return _tree(
        (NAMES[name], value, Origin(Source.FLAG, flag_of(name)))
        for name, value in flags.items()
        if value is not None and value not in ([], ())
    )


def set_tree(text: str) -> Node:
    """Read the ``KEY=VALUE`` of one ``--set``: a dotted key, and a value as YAML reads an unquoted one."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not all(key.split(".")):
        raise ConfigError(f"flag --set: expected KEY=VALUE such as guest.memory=16MiB, found {shown(text)}")
    origin = Origin(Source.FLAG, f"--set {key}")
    if key.split(".")[0] in _FILE_ONLY:
        raise ConfigError(f"{origin.place}: only a file can say this")
    return _tree([(key, parse_scalar(value.strip()), origin)])


def _tree(settings: Iterable[tuple[str, object, Origin]]) -> Node:
    root: dict[str, Node] = {}
    for key, value, origin in settings:
        *containers, last = key.split(".")
        level = root
        for name in containers:
            node = level.setdefault(name, Node({}, origin, origin))
            level = cast(dict[str, Node], node.value)
        level[last] = _node(value, origin)
    return Node(root, Origin(Source.DEFAULT))


def _node(value: object, origin: Origin) -> Node:
    if isinstance(value, (list, tuple)):
        return Node([_node(item, origin) for item in value], origin, origin)
    return Node(str(value) if isinstance(value, Path) else cast(Scalar, value), origin, origin)
