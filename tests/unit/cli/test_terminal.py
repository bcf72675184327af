"""What only happens on a terminal: progress, colours, tables."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.guests import sample
from tests.support.serve import KVMGDB, LIMIT, clean_environment
from tests.support.terminal import on_terminal

ESCAPE = "\x1b"
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")
"""Select Graphic Rendition with a foreground or background colour (ECMA-48, "SGR")."""

ELF = str(sample("x86:64").elf)
EXIT = "exception=1 pc=0x1001e1 dr6=0xffff0ff1 dr7=0x400"
COMMANDS = {
    "help": ["--help"],
    "plugins": ["plugins"],
    "show": ["config", "show"],
    "inspect-exit": ["inspect-exit", "--arch", "x86", EXIT],
    "gdb": ["serve", "--gdb-command", "gdb-multiarch -nx -q -ex 'list mix' -ex 'set confirm off' -ex quit"],
    "error": ["serve", "--arch", "nothing"],
    "completion": ["--install-completion", "bash"],
}


def shown(command: list[str], environment: dict[str, str]) -> str:
    with on_terminal([str(KVMGDB), *command], {"TERM": "xterm-256color", **environment}) as terminal:
        terminal.wait()
        return terminal.seen


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_no_color_is_respected(command: list[str], tmp_path: Path) -> None:
    seen = shown(command, {"NO_COLOR": "1", "HOME": str(tmp_path)})

    assert seen
    assert COLOUR.search(seen) is None


@pytest.mark.parametrize("name", ["inspect-exit", "gdb"])
def test_else_there_are_colours(name: str, tmp_path: Path) -> None:
    assert COLOUR.search(shown(COMMANDS[name], {"HOME": str(tmp_path)}))


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_away_from_a_terminal_there_is_not_one_escape(command: list[str], tmp_path: Path) -> None:
    environment = clean_environment() | {"TERM": "xterm-256color", "HOME": str(tmp_path)}
    done = subprocess.run(
        [str(KVMGDB), *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        timeout=LIMIT,
        check=False,
    )

    assert done.stdout or done.stderr
    assert ESCAPE not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [[], ["config"], ["lab"]], ids=" ".join)
def test_a_list_of_commands_cuts_no_sentence_off(command: list[str]) -> None:
    seen = shown([*command, "--help"], {"COLUMNS": "80"})

    assert "Commands:" in seen
    assert "...\r\n" not in seen.partition("Commands:")[2]


@pytest.fixture
def slow_path(tmp_path: Path) -> str:
    """A host whose gdb takes its time to say its version."""
    gdb = tmp_path / "gdb-multiarch"
    gdb.write_text("#!/bin/sh\nsleep 2\necho GNU gdb 1.0\n")
    gdb.chmod(0o755)
    return f"{tmp_path}:/usr/bin:/bin"


def test_what_takes_a_while_says_what_it_is_doing(slow_path: str) -> None:
    seen = shown(["doctor"], {"PATH": slow_path})

    assert "looking at gdb" in seen
    assert "GNU gdb 1.0" in seen.rpartition("looking at")[2]  # the report comes when the line is gone


def test_but_not_quietly(slow_path: str) -> None:
    assert "looking at" not in shown(["-q", "doctor"], {"PATH": slow_path})
