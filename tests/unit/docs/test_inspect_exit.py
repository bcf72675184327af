"""The page on ``inspect-exit`` against the command: its examples, its keys, its words."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from kvmgdb.arch.exits import Event, Owner
from kvmgdb.arch.stops import StopKind
from kvmgdb.cli.inspect_exit import From, inspect_exit
from tests.support import pages
from tests.support.guests import sample

PAGE = (pages.ROOT / "docs" / "inspect-exit.md").read_text("utf-8")
[EXAMPLE] = pages.blocks("docs/inspect-exit.md", "console")
[ARMED] = pages.blocks("docs/inspect-exit.md", "yaml")
[TRACE] = pages.blocks("docs/inspect-exit.md", "json")
SOURCES = [path for folder in ("kvmgdb", "plugins") for path in (pages.ROOT / folder).rglob("*.py")]

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(inspect_exit)


def inspect(*arguments: str, stdin: str = "") -> str:
    result = CliRunner().invoke(app, arguments, input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def _table(start: str) -> list[str]:
    """The first column of the table that begins with ``start``, without its head."""
    table = PAGE[PAGE.index(start) :].partition("\n\n")[0]
    return [name for row in table.splitlines()[2:] for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


def test_the_example_shows_what_is_shown() -> None:
    command = shlex.split(EXAMPLE[0].removeprefix("$ kvmgdb inspect-exit "))
    assert inspect(*command).splitlines()[: len(EXAMPLE) - 1] == EXAMPLE[1:]


def test_every_form_of_input_is_told() -> None:
    assert _table("| `--from` |") == [form.value for form in From if form is not From.AUTO]


@pytest.fixture(scope="module")
def document() -> dict[str, object]:
    """An exit as JSON, with all there can be."""
    image = str(sample("x86:64").elf)
    found: dict[str, object] = json.loads(inspect("--format", "json", "--image", image, stdin=TRACE[1]))
    return found


def test_the_keys_are_those_of_the_output(document: dict[str, object]) -> None:
    assert _table("| key | |\n|---|---|\n| `schema`") == list(document)
    verdict = document["verdict"]
    assert isinstance(verdict, dict)
    assert _table("| key | |\n|---|---|\n| `event`") == list(verdict)


def test_the_keys_of_code_are_told(document: dict[str, object]) -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith("| `code` | with")]
    code = document["code"]
    assert isinstance(code, dict)
    assert set(re.findall(r"`(\w+)`", row)) == {"code", *code, *code["instructions"][0]}


def test_every_event_and_owner_is_told() -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith("| `event` | ")]
    assert {event.value for event in Event} <= set(re.findall(r"`([^`]+)`", row))
    [row] = [line for line in PAGE.splitlines() if line.startswith("| `owner` | ")]
    assert {owner.value for owner in Owner} == set(re.findall(r"`([^`]+)`", row)) - {"owner"}


def test_the_warnings_are_those_of_the_program() -> None:
    text = "".join(path.read_text("utf-8") for path in SOURCES)
    assert set(_table("| code | |")) == set(re.findall(r"Quirk\(\s*\"([a-z0-9-]+)\"", text))


def test_what_was_armed_is_read_as_the_page_has_it(tmp_path: Path) -> None:
    file = tmp_path / "armed.yaml"
    file.write_text("\n".join(ARMED))
    out = inspect("--arch", "x86", "--armed", str(file), "exception=1 pc=0x401000 dr6=0xffff0ff2")
    assert "a 4-byte write watchpoint, DR1 at 0x2000" in out
    assert "[ours]" in out


def test_the_lines_of_a_trace_are_read() -> None:
    told, decoded = (
        json.loads(line) for line in inspect("--format", "json", stdin="\n".join(TRACE)).splitlines()
    )
    assert (told["verdict"]["event"], told["verdict"]["owner"]) == ("watchpoint", "ours")
    assert (decoded["verdict"]["event"], decoded["verdict"]["pc"]) == ("step", "0x1001f8")


def test_the_events_of_a_trace_are_those_of_a_stop() -> None:
    part = PAGE[PAGE.index("`event` is `breakpoint`") :].partition("`verdict`")[0]
    assert set(re.findall(r"`(\w+)`", part)) - {"event"} == {kind.value for kind in StopKind}
