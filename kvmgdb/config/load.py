"""Loading a configuration: flags above the environment, above the file, above the defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

from kvmgdb.config.check import validate
from kvmgdb.config.files import file_trees
from kvmgdb.config.layers import Layer, layer_of, stack
from kvmgdb.config.models import SERVE, SERVE_KEYS, VERSION
from kvmgdb.config.problems import raise_problems
from kvmgdb.config.resolve import Loaded, contradictions, resolve
from kvmgdb.config.sources import environment_tree, flags_tree, set_tree
from kvmgdb.config.tree import Node
from kvmgdb.errors import ConfigError


def load(
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
    sets: Sequence[str] = (),
) -> Loaded:
    """Resolve a configuration.

    ``environment`` is looked through for ``KVMGDB_*`` variables; ``flags`` are named as in
    :data:`~kvmgdb.config.sources.NAMES`, None meaning not given; ``sets`` are the ``KEY=VALUE`` of ``--set``,
    which stand above the flags, later ones above earlier.  Every layer is checked by itself, so that a
    mistake in a file shows even where a flag would hide it.

    Raises :class:`ConfigError` with one line for each mistake.
    """
    problems: list[str] = []
    layers = [guest_layer(tree, problems) for tree in file_trees(file, problems)] if file is not None else []
    layers += [layer(tree, problems) for tree in outer_trees(environment or {}, flags or {}, sets, problems)]
    raise_problems(problems)
    loaded = resolve(reduce(stack, layers, {}))
    raise_problems(contradictions(loaded))
    return loaded


def outer_trees(
    environment: Mapping[str, str],
    flags: Mapping[str, object],
    sets: Sequence[str],
    problems: list[str],
) -> Iterator[Node]:
    """Every source but the files, lowest precedence first."""
    yield environment_tree(environment)
    yield flags_tree(flags)
    for text in sets:
        try:
            yield set_tree(text)
        except ConfigError as error:
            problems.append(str(error))


def guest_layer(tree: Node, problems: list[str]) -> Layer:
    """Check a file of one guest; what it says."""
    guests = tree.value.get("guests") if isinstance(tree.value, dict) else None
    if guests is None:
        return file_layer(tree, problems)
    where = (guests.key or guests.origin).place
    problems.append(f"{where}: guests: this is a lab, of many guests; expected a file of one")
    return {}


def layer(tree: Node, problems: list[str], inside: str = "") -> Layer:
    """Read what is no file: only files state the version they were written for; the rest is of today."""
    if isinstance(tree.value, dict):
        tree = replace(tree, value={"version": Node(VERSION, tree.origin), **tree.value})
    return file_layer(tree, problems, inside)


def file_layer(tree: Node, problems: list[str], inside: str = "") -> Layer:
    """Check one file, or a part of one at the path ``inside``; what it says."""
    data = validate(SERVE, tree, SERVE_KEYS, problems, inside)
    return {} if data is None else layer_of(data, tree)
