"""Settings by dotted key, and how one layer stands above another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvmgdb.config.listen import UnixAddress
from kvmgdb.config.resolved import DEFAULTS
from kvmgdb.config.tree import Node, Origin
from kvmgdb.config.values import ImageSpec


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and where it came from."""

    value: Any
    origin: Origin


Layer = dict[str, Setting]
"""Dotted key (``guest.memory``, ``policy.preset``, ``backend.kind``) -> its setting."""


def layer_of(data: Mapping[str, Any], tree: Node) -> Layer:
    """Flatten what was read from ``tree``; relative paths of a file become relative to its folder."""
    layer: Layer = {}
    for section, content in data.items():
        values = content if isinstance(content, dict) else {"": content}
        for key, value in values.items():
            origin = tree.locate((section, key))[0].origin
            name = f"{section}.{key}".rstrip(".")
            placed = _images(value, origin.folder) if name == "guest.image" else _place(value, origin.folder)
            layer[name] = Setting(placed, origin)
    return layer


def _images(value: Any, folder: Path) -> tuple[ImageSpec, ...]:
    return tuple(ImageSpec(folder / image["path"], image.get("address")) for image in value)


def _place(value: Any, folder: Path) -> Any:
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, UnixAddress):
        return UnixAddress(folder / value.path)
    return value


def stack(below: Layer, above: Layer) -> Layer:
    """Put one layer above another.

    Key by key, but a layer that names a preset replaces the whole policy below it, and one that names
    another kind of backend drops the options below it, which belonged to the other kind.
    """
    dropped: list[str] = []
    if "policy.preset" in above:
        dropped.append("policy.")
    if "backend.kind" in above and above["backend.kind"].value != _kind(below):
        dropped.append("backend.")
    kept = {key: value for key, value in below.items() if not key.startswith(tuple(dropped))}
    return kept | above


def _kind(layer: Layer) -> str:
    return str(layer["backend.kind"].value) if "backend.kind" in layer else DEFAULTS.backend
