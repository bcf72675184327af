"""Loading a lab file: every guest resolved like a file of its own, every session checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

from kvmgdb.config.check import validate
from kvmgdb.config.files import node_trees
from kvmgdb.config.lab_models import LAB, LAB_KEYS, SESSION, SESSION_KEYS
from kvmgdb.config.layers import Layer, stack
from kvmgdb.config.listen import TcpAddress
from kvmgdb.config.load import file_layer, layer, outer_trees
from kvmgdb.config.problems import raise_problems
from kvmgdb.config.resolve import Loaded, contradictions, resolve
from kvmgdb.config.text import did_you_mean, shown
from kvmgdb.config.tree import Node, Source
from kvmgdb.config.yaml_tree import read_yaml

FREE_PORT = TcpAddress("127.0.0.1", 0)
"""Where a guest listens whose file does not say: each needs one of its own."""
SECONDS = 60.0
"""A session's time limit where its file says none."""


@dataclass(frozen=True, slots=True)
class Expect:
    """What is to be so when a session is over."""

    output: tuple[str, ...] = ()
    """Regular expressions found in the transcript, in this order."""
    console: tuple[str, ...] = ()
    """The same in what the guest printed."""
    values: Mapping[str, int | str] = field(default_factory=dict)
    """gdb expression -> number, or gdb's text."""
    registers: Mapping[str, int] = field(default_factory=dict)
    memory: Mapping[str, str] = field(default_factory=dict)
    """gdb expression for an address -> hex digits."""
    exit: int | None = None
    """The status the guest ends with."""


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """One scripted session."""

    name: str
    guest: str
    task: str
    gdb: tuple[str, ...]
    """gdb commands; empty where there is a script."""
    script: Path | None
    """A file of gdb commands."""
    python: Path | None
    expect: Expect
    timeout: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab file, resolved."""

    file: Path
    title: str
    guests: Mapping[str, Loaded]
    sessions: Mapping[str, SessionPlan]


def is_lab(file: Path) -> bool:
    """Whether a file describes many guests; :class:`ConfigError` if it cannot be read."""
    content = read_yaml(file).value
    return isinstance(content, dict) and "guests" in content


def load_lab(file: Path, environment: Mapping[str, str] | None = None, sets: Sequence[str] = ()) -> Lab:
    """Resolve a lab file; variables and ``sets`` hold for each of its guests.

    Raises :class:`ConfigError` with one line for each mistake.
    """
    problems: list[str] = []
    tree = read_yaml(file)
    data = validate(LAB, tree, LAB_KEYS, problems)
    raise_problems(problems)
    top = tree.value
    assert data is not None and isinstance(top, dict)  # noqa: S101, PT018 - else a problem was raised
    outer = [layer(above, problems) for above in outer_trees(environment or {}, {}, sets, problems)]
    defaults = _part(top["defaults"], "defaults", problems) if "defaults" in top else []
    guests = {}
    for name, node in _members(top.get("guests")):
        layers = [*defaults, *_part(node, f"guests.{name}", problems), *outer]
        guests[name] = resolve(reduce(stack, layers, {}))
        problems += contradictions(guests[name])
    sessions = dict(_sessions(top, guests, problems))
    raise_problems(problems)
    return Lab(file, data.get("title", file.stem), {n: _at_free_port(g) for n, g in guests.items()}, sessions)


def _members(node: Node | None) -> Iterator[tuple[str, Node]]:
    if node is not None and isinstance(node.value, dict):
        yield from node.value.items()


def _part(node: Node, path: str, problems: list[str]) -> list[Layer]:
    """The layers of one guest: what it includes, and then itself."""
    *included, own = node_trees(node, problems)
    if isinstance(own.value, dict) and "version" in own.value:
        place = own.value["version"].origin.place
        problems.append(f"{place}: {path}.version: the version is the file's, and stands at its beginning")
    return [*(file_layer(tree, problems) for tree in included), layer(own, problems, f"{path}.")]


def _at_free_port(loaded: Loaded) -> Loaded:
    if loaded.origins["listen"].source is not Source.DEFAULT:
        return loaded
    return replace(loaded, config=replace(loaded.config, listen=FREE_PORT))


def _sessions(
    top: Mapping[str, Node], guests: Mapping[str, Loaded], problems: list[str]
) -> Iterator[tuple[str, SessionPlan]]:
    for name, node in _members(top.get("sessions")):
        path = f"sessions.{name}"
        data: Any = validate(SESSION, node, SESSION_KEYS, problems, f"{path}.")
        if data is None:
            continue
        plan = _plan(name, data, node)
        if plan.guest not in guests:
            place = node.locate(("guest",))[0].origin.place
            hint = did_you_mean(plan.guest, guests)
            problems.append(f"{place}: {path}.guest: there is no guest {shown(plan.guest)}{hint}")
        said = [key for key in ("gdb", "script", "python") if key in data]
        if len(said) != 1:
            found = " and ".join(said) or "none of them"
            problems.append(
                f"{node.origin.place}: {path}: expected one of gdb, script, python; found {found}"
            )
        for key in ("script", "python"):
            target = getattr(plan, key)
            if target is not None and not target.is_file():
                place = node.locate((key,))[0].origin.place
                problems.append(f"{place}: {path}.{key}: expected a file, found no {shown(str(target))}")
        yield name, plan


def _plan(name: str, data: Mapping[str, Any], node: Node) -> SessionPlan:
    def file(key: str) -> Path | None:
        return node.locate((key,))[0].origin.folder / data[key] if key in data else None

    expect = data.get("expect", {})
    patterns = {key: tuple(expect[key]) for key in ("output", "console") if key in expect}
    return SessionPlan(
        name,
        data["guest"],
        data.get("task", ""),
        tuple(data.get("gdb", ())),
        file("script"),
        file("python"),
        Expect(**{**expect, **patterns}),
        data.get("timeout", SECONDS),
    )
