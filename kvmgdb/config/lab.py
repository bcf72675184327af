"""Loading a lab file: every guest resolved like a file of its own, every session checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

from kvmgdb.config.check import validate
from kvmgdb.config.files import node_trees
from kvmgdb.config.lab_models import LAB, LAB_KEYS, OF_A_LAB, SCRIPTS, SESSION, SESSION_KEYS, name_problem
from kvmgdb.config.layers import Layer, stack
from kvmgdb.config.listen import StdioAddress, TcpAddress
from kvmgdb.config.load import guest_layer, layer, outer_trees
from kvmgdb.config.problems import raise_problems
from kvmgdb.config.resolve import Loaded, contradictions, resolve
from kvmgdb.config.text import did_you_mean, no_file, shown
from kvmgdb.config.tree import KeyPath, Node, Source
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
    errors: tuple[str, ...] = ()
    """Regular expressions of errors that gdb may answer a command with, and must."""
    values: Mapping[str, int | float | str] = field(default_factory=dict)
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
    files: tuple[Path, ...]
    """What else the session finds in its folder."""
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
    return isinstance(content, dict) and not content.keys().isdisjoint(OF_A_LAB)


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
    for name, node in _members(top, "guests", problems):
        layers = [*defaults, *_part(node, f"guests.{name}", problems), *outer]
        guests[name] = resolve(reduce(stack, layers, {}))
        problems += contradictions(guests[name])
    problems += collisions(guests)
    sessions = dict(_sessions(top, guests, problems))
    raise_problems(problems)
    return Lab(file, data.get("title", file.stem), {n: _at_free_port(g) for n, g in guests.items()}, sessions)


def _members(top: Mapping[str, Node], section: str, problems: list[str]) -> Iterator[tuple[str, Node]]:
    """The guests, or the sessions, by name."""
    node = top.get(section)
    if node is None or not isinstance(node.value, dict):
        return
    for name, member in node.value.items():
        if problem := name_problem(name):
            problems.append(f"{(member.key or member.origin).place}: {section}: {problem}")
        yield name, member


def _part(node: Node, path: str, problems: list[str]) -> list[Layer]:
    """The layers of one guest: what it includes, and then itself."""
    if node.value is None:
        problems.append(f"{node.origin.place}: {path}: expected a mapping, found nothing; write {{}} for one")
        return []
    *included, own = node_trees(node, problems)
    if isinstance(own.value, dict) and "version" in own.value:
        place = own.value["version"].origin.place
        problems.append(f"{place}: {path}.version: the version is the file's, and stands at its beginning")
    return [*(guest_layer(tree, problems) for tree in included), layer(own, problems, f"{path}.")]


def collisions(guests: Mapping[str, Loaded]) -> Iterator[str]:
    """What no two guests of a lab can have together, and none by itself: a line each."""
    taken: dict[tuple[str, str], str] = {}
    for name, loaded in guests.items():
        listen, trace = loaded.config.listen, loaded.config.trace
        if isinstance(listen, StdioAddress):
            place = loaded.origins["listen"].place
            yield f"{place}: guests.{name}.listen: a guest of a lab needs tcp:HOST:PORT or unix:PATH"
            continue
        own = []
        if loaded.origins["listen"].source is not Source.DEFAULT and getattr(listen, "port", None) != 0:
            own.append(("listen", str(listen), "tcp:127.0.0.1:0 gives each a free port"))
        if trace is not None:
            own.append(("trace", str(trace), "each needs a file of its own"))
        for key, what, remedy in own:
            other = taken.setdefault((key, what), name)
            if other != name:
                place = loaded.origins[key].place
                yield f"{place}: guests.{name}.{key}: the guest {other} has {what} already; {remedy}"


def _at_free_port(loaded: Loaded) -> Loaded:
    if loaded.origins["listen"].source is not Source.DEFAULT:
        return loaded
    return replace(loaded, config=replace(loaded.config, listen=FREE_PORT))


def _sessions(
    top: Mapping[str, Node], guests: Mapping[str, Loaded], problems: list[str]
) -> Iterator[tuple[str, SessionPlan]]:
    for name, node in _members(top, "sessions", problems):
        path = f"sessions.{name}"
        data: Any = validate(SESSION, node, SESSION_KEYS, problems, f"{path}.")
        if data is None:
            continue
        plan = _plan(name, data, node)
        if plan.guest not in guests:
            place = node.locate(("guest",))[0].origin.place
            hint = did_you_mean(plan.guest, guests)
            problems.append(f"{place}: {path}.guest: there is no guest {shown(plan.guest)}{hint}")
        said = [key for key in SCRIPTS if key in data]
        if len(said) != 1:
            found = " and ".join(said) or "none of them"
            problems.append(
                f"{node.origin.place}: {path}: expected one of gdb, script, python; found {found}"
            )
        problems += _missing_files(plan, path, node)
        yield name, plan


def _missing_files(plan: SessionPlan, path: str, node: Node) -> Iterator[str]:
    named: list[tuple[KeyPath, Path | None]] = [(("script",), plan.script), (("python",), plan.python)]
    named += [(("files", number), file) for number, file in enumerate(plan.files)]
    seen: set[str] = set()
    for key, file in named:
        if file is None:
            continue
        problem = no_file(file)
        if not problem and file.name in seen:
            problem = f"a file {shown(file.name)} is there already: each needs a name of its own"
        seen.add(file.name)
        if problem:
            place = node.locate(key)[0].origin.place
            yield f"{place}: {path}.{key[0]}: {problem}"


def _plan(name: str, data: Mapping[str, Any], node: Node) -> SessionPlan:
    def files(key: str, names: Sequence[Path]) -> tuple[Path, ...]:
        places = [node.locate((key, number))[0].origin.folder for number in range(len(names))]
        return tuple(place / name for place, name in zip(places, names, strict=True))

    def file(key: str) -> Path | None:
        return files(key, [data[key]])[0] if key in data else None

    expect = data.get("expect", {})
    patterns = {key: tuple(expect[key]) for key in ("output", "console", "errors") if key in expect}
    return SessionPlan(
        name=name,
        guest=data["guest"],
        task=data.get("task", ""),
        gdb=tuple(data.get("gdb", ())),
        script=file("script"),
        python=file("python"),
        files=files("files", data.get("files", ())),
        expect=Expect(**{**expect, **patterns}),
        timeout=data.get("timeout", SECONDS),
    )
