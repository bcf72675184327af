"""Every ``kvmgdb`` command on any page is one that the program takes, and every link leads somewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from kvmgdb.cli.main import app, options_first
from tests.support.pages import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "man").glob("*.[1-9]")])
MARKDOWN = [page for page in PAGES if page.suffix == ".md"]

TYPED = re.compile(r"^(?:    |(?:\.Dl )?\$ )(?:\S*=\S+ |\S*bin/)*(kvmgdb .*)$", re.MULTILINE)
"""A line that a user would type, behind variables and folders."""
NAMED = re.compile(r"`(kvmgdb [a-z-][^`]*)`")
"""A command in a sentence."""
BEHIND = re.compile(r"\s(?:#|< |\| ).*")
"""A remark, or what the shell does."""


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _commands(page: Path) -> Iterator[str]:
    text = page.read_text("utf-8").replace("\\e\n", " ").replace("\\\n", " ")
    yield from (BEHIND.sub("", line) for line in TYPED.findall(text))
    if page in MARKDOWN:
        yield from NAMED.findall(text)


COMMANDS = [(_name(page), line) for page in PAGES for line in _commands(page)]


def _parsed(words: list[str]) -> str:
    """The path of the command that takes these words; an exception if none does.  Nothing is run."""
    command: Any = get_command(app)
    context, path = None, "kvmgdb"
    while words:
        context = command.make_context(path, words, parent=context)
        rest = [*getattr(context, "_protected_args", ()), *context.args]
        if not hasattr(command, "commands") or not rest:
            return path
        name, command, words = command.resolve_command(context, rest)
        path = f"{path} {name}"
    return path  # a name alone, in a sentence


@pytest.mark.parametrize(
    ("page", "line"), COMMANDS, ids=[f"{page}: {line[:50].strip()}" for page, line in COMMANDS]
)
def test_a_command_is_one(page: str, line: str) -> None:
    words = shlex.split(line.replace("…", ""))[1:]
    if words not in (["--help"], ["--install-completion"]):  # these are done while they are read
        assert _parsed(options_first(words)).startswith("kvmgdb"), page


def test_there_are_enough() -> None:
    assert len({line for _, line in COMMANDS}) > 50
    assert {"README.md", "docs/tutorial-x86.md", "man/kvmgdb-serve.1"} <= {page for page, _ in COMMANDS}


def _anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", MARKDOWN, ids=_name)
def test_a_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    for target in (target for target in targets if not target.startswith(("https:", "http:"))):
        file, _, anchor = target.partition("#")
        there = page.parent / file if file else page
        assert there.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", there.read_text("utf-8"), re.MULTILINE)
            assert anchor in {_anchor(heading) for heading in headings}, target
