"""The man pages against the command line and the schema: nothing missing, nothing extra."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from kvmgdb.cli.main import app
from kvmgdb.config.schema import json_schema

MAN = Path(__file__).parents[3] / "man"
ROOT: Any = get_command(app)
PAGES = {"kvmgdb": ROOT} | {f"kvmgdb-{name}": command for name, command in ROOT.commands.items()}


def _options_of(command: Any) -> set[str]:
    own = {
        name for p in command.params if p.param_type_name == "option" for name in (*p.opts, *p.secondary_opts)
    }
    inner = getattr(command, "commands", {}) if command is not ROOT else {}
    return own.union(*(_options_of(sub) for sub in inner.values()))


def _options_in(page: str) -> set[str]:
    items = [line for line in page.splitlines() if line.startswith(".It Fl")]
    names = [name.replace("\\-", "-") for line in items for name in re.findall(r"Fl (\S+)", line)]
    return {"-" + name for name in names}


def test_there_is_a_page_for_every_command_and_no_other() -> None:
    assert {path.stem for path in MAN.glob("*.1")} == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_options_of_its_command(name: str) -> None:
    assert _options_in((MAN / f"{name}.1").read_text()) == _options_of(PAGES[name])


def test_every_key_of_the_schema_is_in_the_file_format() -> None:
    page = (MAN / "kvmgdb.yaml.5").read_text()
    described = set(re.findall(r"^\.It Li (\S+)", page, re.MULTILINE))
    schema = json_schema()
    top = set(schema["properties"])
    assert top <= described
    assert {key.partition(".")[0] for key in described} == top
