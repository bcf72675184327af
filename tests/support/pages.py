"""The pages of the documentation: their blocks, and the sessions in them, held on a terminal."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.serve import KVMGDB
from tests.support.terminal import Terminal, on_terminal

ROOT = Path(__file__).parents[2]
PROMPT = "(gdb) "
SERVE = "$ kvmgdb serve "
STARTS = f"{SERVE}--gdb"


def blocks(page: str, kind: str) -> list[list[str]]:
    """The lines of each fenced block of a kind, such as ``console``."""
    text = (ROOT / page).read_text("utf-8")
    return [
        found.splitlines() for found in re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    ]


def arguments(line: str) -> list[str]:
    """What follows ``kvmgdb serve``; files are named from the repository."""
    return shlex.split(line.removeprefix(SERVE))


def commands(lines: list[str], prompt: str = PROMPT) -> list[tuple[str, list[str]]]:
    """Each command with the lines of its answer; what stands above the first has the command ``""``."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for line in lines:
        if line.startswith(prompt):
            found.append((line.removeprefix(prompt), []))
        else:
            found[-1][1].append(line)
    return found


def sessions(page: str) -> list[list[str]]:
    """The lines of each session with ``serve --gdb``, with those of the blocks that go on with it."""
    found: list[list[str]] = []
    for block in blocks(page, "text"):
        if block[0].startswith(STARTS):
            found.append(block)
        elif found and block[0].startswith(PROMPT) and "target remote" not in block[0]:
            found[-1] += block
    return found


def is_told(shown: list[str], told: list[str]) -> bool:
    """Whether a page's lines say what is shown, and nothing else."""
    parts = [
        r"(?:.*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n"
        for line in words(told)
    ]
    return bool(re.fullmatch("".join(parts), "".join(f"{line}\n" for line in words(shown))))


def words(lines: list[str]) -> list[str]:
    """Lines with one blank between words, and without those that have none."""
    return [" ".join(line.split()) for line in lines if line.strip()]


@contextmanager
def gdb_session(line: str, home: Path) -> Iterator[Terminal]:
    """``kvmgdb serve --gdb ...`` as a page has it, in the repository, up to gdb's prompt."""
    (home / ".gdbinit").write_text("set width 0\nset height 0\n")
    command = ["env", "-C", str(ROOT), str(KVMGDB), "serve", *arguments(line)]
    with on_terminal(command, {"TERM": "dumb", "HOME": str(home)}) as terminal:
        yield terminal


def say(terminal: Terminal, command: str) -> list[str]:
    """Give gdb a command; the lines that are shown up to its next prompt, the guest's console among them."""
    if command:
        terminal.type(f"{command}\n")
        terminal.wait_for("\n")  # its echo
    shown = terminal.wait_for(PROMPT).removesuffix(PROMPT)
    return [line.rstrip() for line in shown.expandtabs().splitlines()]
