"""The tutorials, command by command: every session on the pages is held, and says what the pages say.

A block that begins with ``$ kvmgdb serve`` is a session with a gdb that is attached already.  Each line below
a command has to be in its answer, in the same order; what the page leaves out (source lines, blanks) may be
there.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support import gdb as gdb_support
from tests.support.serve import serving
from tests.support.tools import need

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = ("tutorial-x86", "tutorial-ppc")
SERVE = "$ kvmgdb serve "


def _blocks(page: str, kind: str) -> list[list[str]]:
    text = (DOCS / f"{page}.md").read_text("utf-8")
    return [block.splitlines() for block in re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)]


SESSIONS = [(page, block) for page in PAGES for block in _blocks(page, "text")]


def _arguments(line: str) -> list[str]:
    """What follows ``kvmgdb serve``; file names of the page are relative to the repository."""
    words = shlex.split(line.removeprefix(SERVE))
    return [str(ROOT / word) if word.startswith("docs/") else word for word in words]


def _commands(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Each command with the lines of its answer."""
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith("(gdb) "):
            found.append((line.removeprefix("(gdb) "), []))
        else:
            found[-1][1].append(" ".join(line.split()))
    return found


@pytest.mark.parametrize(
    ("page", "block"), SESSIONS, ids=[f"{page}-{number}" for number, (page, _) in enumerate(SESSIONS)]
)
def test_the_session_says_what_the_page_says(page: str, block: list[str]) -> None:
    arguments = _arguments(block[0])
    image = arguments[arguments.index("--image") + 1]
    with serving(*arguments) as server, gdb_support.started([image]) as gdb:
        gdb.script("set width 0", f"directory {DOCS / 'tutorial'}", f"target remote {server.target}")
        for command, expected in _commands(block[1:]):
            answer = " ".join(gdb.run(command).split())
            place = 0
            for line in expected:
                assert line in answer[place:], f"{page}, {command}: {answer}"
                place = answer.index(line, place) + len(line)


@pytest.mark.parametrize("page", PAGES)
def test_the_guest_prints_what_the_page_shows(page: str) -> None:
    [block] = [lines for lines in _blocks(page, "console") if lines[0].startswith(SERVE)]
    with serving(*_arguments(block[0])) as server:
        for line in block[2:]:
            server.wait_for_error_text(line)


@pytest.mark.parametrize(
    ("name", "compiler"), [("logger.elf", "gcc"), ("board.elf", "powerpc-linux-gnu-gcc")]
)
def test_the_images_are_built_from_their_sources(name: str, compiler: str, tmp_path: Path) -> None:
    need(f"rebuilding {name}", compiler)
    command = ["make", "-s", "-C", str(DOCS / "tutorial"), f"OUT={tmp_path}", str(tmp_path / name)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)

    built, stored = ((folder / name).read_bytes() for folder in (tmp_path, DOCS / "tutorial"))
    assert len(built) > 1000
    if compiler_version(compiler) == "12.2.0":  # another one may compile it otherwise
        assert built == stored


def compiler_version(compiler: str) -> str:
    """``12.2.0``."""
    done = subprocess.run(
        [compiler, "-dumpfullversion"], capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()
