"""The sessions on the pages, command by command, on a terminal: each shows what the page shows, no more.

A block that begins with ``$ kvmgdb serve --gdb`` is a session; one that begins with ``(gdb)`` goes on with
the one before.  ``...`` stands for what differs from host to host, or is left out; with no line at all above
the first command, what gdb says when it starts is left out.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import pages
from tests.support.serve import serving
from tests.support.tools import need

TUTORIALS = ("docs/tutorial-x86.md", "docs/tutorial-ppc.md")
PAGES = ("README.md", "docs/debuggers.md", "docs/ownership.md", *TUTORIALS)


SESSIONS = [(page, session) for page in PAGES for session in pages.sessions(page)]


def test_every_page_has_some() -> None:
    assert {page for page, _ in SESSIONS} == set(PAGES)


@pytest.mark.parametrize(
    ("page", "session"), SESSIONS, ids=[f"{page}-{number}" for number, (page, _) in enumerate(SESSIONS)]
)
def test_a_session_shows_what_the_page_shows(page: str, session: list[str], tmp_path: Path) -> None:
    with pages.gdb_session(session[0], tmp_path) as terminal:
        for command, told in pages.commands(session[1:]):
            shown = pages.say(terminal, command)
            if command or told:
                assert pages.is_told(shown, told), f"{page}, {command!r}:\n" + "\n".join(shown)


@pytest.mark.parametrize("page", ["README.md", *TUTORIALS])
def test_a_guest_prints_what_the_page_shows(page: str) -> None:
    [block] = [lines for lines in pages.blocks(page, "console") if lines[0].endswith(" --run")]
    arguments = pages.arguments(block[0])
    image = arguments.index("--image") + 1
    arguments[image] = str(pages.ROOT / arguments[image])
    with serving(*arguments) as server:
        assert "\n".join(block[2:]) in server.wait_for_error_text(block[-1])


def test_monitor_help_is_as_the_readme_has_it(tmp_path: Path) -> None:
    [told] = [block for block in pages.blocks("README.md", "text") if block[0].startswith("breakpoints ")]
    with pages.gdb_session(pages.STARTS, tmp_path) as terminal:
        pages.say(terminal, "")
        assert pages.is_told(pages.say(terminal, "monitor help"), told)


@pytest.mark.parametrize(
    ("name", "compiler"), [("logger.elf", "gcc"), ("board.elf", "powerpc-linux-gnu-gcc")]
)
def test_the_tutorials_images_are_built_from_their_sources(name: str, compiler: str, tmp_path: Path) -> None:
    need(f"rebuilding {name}", compiler)
    folder = pages.ROOT / "docs" / "tutorial"
    command = ["make", "-s", "-C", str(folder), f"OUT={tmp_path}", str(tmp_path / name)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)

    built, stored = ((place / name).read_bytes() for place in (tmp_path, folder))
    assert len(built) > 1000
    if compiler_version(compiler) == "12.2.0":  # another one may compile it otherwise
        assert built == stored


def compiler_version(compiler: str) -> str:
    """``12.2.0``."""
    done = subprocess.run(
        [compiler, "-dumpfullversion"], capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()
