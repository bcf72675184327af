"""``python -m man``: write into the pages what the program says of itself.

The heads and first words of options come from the command line, those of commands and ``monitor`` commands
from their one-line help, those of configuration keys from the JSON Schema.  What a page says beyond that is
written in the page, below a line :data:`MORE`.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

from typer.main import get_command

from kvmgdb import builtin
from kvmgdb.cli.main import app
from kvmgdb.config.schema import guest_schema, lab_schema

FOLDER = Path(__file__).parent
MORE = '.\\" More, written here:'
WIDTH = 79
"""Longest line of text, in characters."""


FEW = 3
"""As many words an option takes stand in its head; more have a list of their own, with what each means."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a list, as the program has it."""

    key: str
    """What tells it from the others: its name in the head."""
    head: str
    """What follows ``.It``."""
    text: str
    """Empty where the page has all the words."""
    tail: tuple[str, ...] = ()
    """Further lines that are the program's."""

    def lines(self) -> list[str]:
        """The item, without what the page says beyond."""
        sentences = re.split(r"(?<=[.!?]) (?=[A-Z])", " ".join(self.text.split()))
        wrapped = [line for s in sentences for line in textwrap.wrap(s, WIDTH, break_on_hyphens=False)]
        return [f".It {self.head}", *wrapped, *self.tail]


@dataclass(frozen=True, slots=True)
class Place:
    """A section of a page and the entries of its list."""

    page: str
    section: str
    entries: tuple[Entry, ...]


# -- what the program says -----------------------------------------------------------------------------


def places() -> Iterator[Place]:
    """Everything there is to fill in."""
    root: Any = get_command(app)
    yield Place("kvmgdb.1", "DESCRIPTION", tuple(_command(n, c) for n, c in root.commands.items()))
    yield Place("kvmgdb.1", "OPTIONS", tuple(_options(root)))
    for name, command in root.commands.items():
        page = f"kvmgdb-{name}.1"
        if _options(command):
            yield Place(page, "OPTIONS", tuple(_options(command)))
        for inner, subcommand in getattr(command, "commands", {}).items():
            if _options(subcommand):
                yield Place(page, f"{name} {inner}", tuple(_options(subcommand)))
    yield Place("kvmgdb-serve.1", "MONITOR COMMANDS", tuple(_monitor_commands()))
    yield Place("kvmgdb.yaml.5", "KEYS", tuple(_keys()))
    yield Place("kvmgdb.yaml.5", "KEYS OF A LAB", tuple(_lab_keys()))


def _command(name: str, command: Any) -> Entry:
    summary = (command.help or "").partition("\n")[0].rstrip(".")
    return Entry(name, f"Cm {name}", f"{summary}:", (f".Xr kvmgdb-{name} 1 .",))


def _options(command: Any) -> list[Entry]:
    found = []
    for option in command.params:
        if option.param_type_name == "option":
            names = sorted((name.removeprefix("-") for name in option.opts), key=len, reverse=True)
            flags = " , ".join("Fl " + name.replace("-", "\\-") for name in names)
            found.append(Entry(" ".join(sorted(names)), f"{flags}{_value(command, option)}", option.help))
    return found


def _value(command: Any, option: Any) -> str:
    if option.is_flag or option.count:
        return ""
    words = choices(command, option)
    if len(words) > FEW:
        return f" Ar {option.name.upper()}"
    return f" Cm {' | '.join(words)}" if words else f" Ar {option.metavar}"


def choices(command: Any, option: Any) -> list[str]:
    """The words an option takes, if it takes certain words."""
    hint = get_type_hints(inspect.unwrap(command.callback)).get(option.name)
    kinds = [kind for kind in (hint, *get_args(hint)) if isinstance(kind, type) and issubclass(kind, Enum)]
    return [member.value for kind in kinds for member in kind]


def _monitor_commands() -> Iterator[Entry]:
    for command in builtin.kvmgdb_monitor_commands():
        usage = command.usage.strip("[]").replace("...", " ...")
        words = f" Op {'Cm' if '|' in usage else 'Ar'} {usage.replace('|', ' | ')}" if usage else ""
        yield Entry(
            command.name, f"Ic {command.name}{words}", f"{command.summary[0].upper()}{command.summary[1:]}."
        )


def _keys() -> Iterator[Entry]:
    """The keys of a file; of those that take certain words the page says itself what each means."""
    schema = guest_schema()
    return _keys_of(schema, schema, "")


def _lab_keys() -> Iterator[Entry]:
    """The keys a lab file has besides those of its guests."""
    schema = lab_schema()
    top = {key: value for key, value in schema["properties"].items() if key != "version"}
    sessions, expect = (schema["$defs"][name]["properties"] for name in ("SessionData", "ExpectData"))
    for prefix, keys in (("", top), ("sessions.NAME.", sessions), ("sessions.NAME.expect.", expect)):
        for name, value in keys.items():
            said = value.get("description") or _target(value, schema).get("description", "")
            yield Entry(f"{prefix}{name}", f"Li {prefix}{name}", said)


def _keys_of(schema: Any, root: Any, prefix: str) -> Iterator[Entry]:
    for name, value in schema.get("properties", {}).items():
        key = f"{prefix}{name}"
        parts = [_target(part, root) for part in (value, *value.get("anyOf", ()))]
        own = any("enum" in part for part in parts) or key == "policy"
        said = (part.get("description", "") for part in (value, *parts))
        yield Entry(key, f"Li {key}", "" if own else next(filter(None, said), ""))
        for part in parts:
            yield from _keys_of(part, root, f"{key}.")


def _target(schema: Any, root: Any) -> Any:
    return root["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


# -- what the pages say ----------------------------------------------------------------------------------


def filled(page: str, place: Place) -> str:
    """The text of a page with the list of one section as the program has it.

    Raises:
        ValueError: the section has no list, or an item says something of its own and not where.
    """
    lines = page.splitlines()
    first, last = _list_of(lines, place)
    beyond = dict(_beyond(lines[first + 1 : last], place))
    items: list[str] = []
    for entry in place.entries:
        more = beyond.get(entry.key, [])
        items += [*entry.lines(), *([MORE] if more and entry.text else []), *more]
    return "\n".join([*lines[: first + 1], *items, *lines[last:]]) + "\n"


def _list_of(lines: list[str], place: Place) -> tuple[int, int]:
    """The lines with .Bl and .El of the section's first list."""
    start = next(
        (n for n, line in enumerate(lines) if line in (f".Sh {place.section}", f".Ss {place.section}")), None
    )
    if start is None:
        raise ValueError(f"{place.page}: there is no section {place.section}")
    depth, first = 0, 0
    for number in range(start + 1, len(lines)):
        if lines[number].startswith(".Bl "):
            depth += 1
            first = number if depth == 1 else first
        elif lines[number].startswith(".El"):
            depth -= 1
            if depth == 0:
                return first, number
    raise ValueError(f"{place.page}: the section {place.section} has no list")


def _beyond(lines: list[str], place: Place) -> Iterator[tuple[str, list[str]]]:
    """Key -> what the page says of it beyond the program's words."""
    texts = {entry.key: entry.lines()[1:] for entry in place.entries}
    for head, body in _items(lines):
        key = _key(head)
        if MORE in body:
            yield key, body[body.index(MORE) + 1 :]
        elif not texts.get(key):
            yield key, body
        elif key in texts and body and body != texts[key]:
            raise ValueError(
                f"{place.page}: {place.section}: {key} says something of its own: "
                f"put the line {MORE!r} before that"
            )


def _items(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    depth, head, body = 0, "", list[str]()
    for line in lines:
        if line.startswith(".It ") and depth == 0:
            if head:
                yield head, body
            head, body = line.removeprefix(".It "), []
            continue
        depth += line.startswith(".Bl ") - line.startswith(".El")
        body.append(line)
    if head:
        yield head, body


def _key(head: str) -> str:
    names = re.findall(r"Fl (\S+)", head.replace("\\-", "-"))
    return " ".join(sorted(names)) if names else head.split()[1]


def pages() -> dict[str, str]:
    """Every page as it should be, by file name."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.[1-9]"))}
    for place in places():
        texts[place.page] = filled(texts[place.page], place)
    return texts


def main() -> Iterable[str]:
    """Write the pages that have changed; their names."""
    for name, text in pages().items():
        path = FOLDER / name
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            yield name


if __name__ == "__main__":
    try:
        for written in main():
            sys.stdout.write(f"wrote man/{written}\n")
    except ValueError as problem:
        sys.exit(f"man: {problem}")
