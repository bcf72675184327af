"""Validation errors as lines: ``FILE:LINE:COLUMN: path.to.key: what was expected, what was found``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from kvmgdb.config.text import did_you_mean, shown
from kvmgdb.config.tree import Node, Origin

Keys = Mapping[tuple[str, ...], tuple[str, ...]]
"""The keys each mapping knows, by the mapping's path without list positions."""

_WRONG_VERSION = ("value_error", ("version",))

_Data = TypeVar("_Data")


def validate(
    adapter: TypeAdapter[_Data], tree: Node, keys: Keys, problems: list[str], inside: str = ""
) -> _Data | None:
    """Validate ``tree``; on mistakes, add a line for each to ``problems`` and return None.

    ``inside`` is the path of the tree where it is a part of a file (``guests.first.``).
    """
    try:
        return adapter.validate_python(tree.plain())
    except ValidationError as error:
        details: list[Any] = error.errors(include_url=False)
        # Written for another version: what else looks wrong may be right there.
        version = [detail for detail in details if (detail["type"], detail["loc"]) == _WRONG_VERSION]
        found = [_problem(tree, detail, keys, inside) for detail in version or details]
        found.sort(key=lambda problem: (problem[0].line, problem[0].column))
        problems += [f"{origin.place}: {text}" for origin, text in found]
        return None


def _problem(tree: Node, detail: Any, keys: Keys, inside: str) -> tuple[Origin, str]:
    path: tuple[str | int, ...] = detail["loc"]
    node, name = tree.locate(path)
    origin = node.origin
    if detail["type"] == "extra_forbidden":
        origin = node.key or origin
        text = _unknown_key(path, keys)
    elif detail["type"] == "missing":
        text = f"the key {shown(path[-1])} is missing"
    elif detail["type"] == "value_error":
        text = str(detail["ctx"]["error"])
    else:
        text = f"expected {_EXPECTED.get(detail['type'], detail['msg'])}, found {shown(node.value)}"
    return origin, f"{inside}{name}: {text}" if name else f"{inside.rstrip('.')}: {text}".lstrip(": ")


_EXPECTED = {"dict_type": "a mapping", "list_type": "a list", "string_type": "text"}


def _unknown_key(path: tuple[str | int, ...], keys: Keys) -> str:
    word = str(path[-1])
    container = tuple(part for part in path[:-1] if isinstance(part, str))
    known = keys.get(container, ())
    hint = did_you_mean(word, known) or _elsewhere(word, keys)
    return f"unknown key{hint or '; known here: ' + ', '.join(known)}"


def _elsewhere(word: str, keys: Keys) -> str:
    """Suggest the mapping where a key belongs: ``guest.memory`` for ``memory``."""
    for container, known in keys.items():
        if word in known:
            return f'; did you mean "{".".join((*container, word))}"?'
    return ""
