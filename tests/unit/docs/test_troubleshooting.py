"""The page on troubleshooting quotes what the program says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
SOURCES = [path for folder in ("kvmgdb", "plugins") for path in (ROOT / folder).rglob("*.py")]
ROWS = [line for line in PAGE.splitlines() if line.startswith("| `")]


def _literals() -> str:
    """The program's text with literals that are written one after another put together."""
    text = "\n".join(path.read_text("utf-8") for path in SOURCES)
    return re.sub(r"\"\s*\n\s*f?\"", "", text).replace("`", "")


PROGRAM = _literals()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("`")[1][:40])
def test_what_is_quoted_is_said(row: str) -> None:
    quoted = row.split("|")[1].split("`")[1]
    fragments = [part.strip(" :,;") for part in quoted.split("…")]

    for fragment in fragments:
        if len(fragment) > 3 and not fragment.startswith(("No such file", "cannot be opened: Permission")):
            assert fragment in PROGRAM, fragment


def test_there_is_enough_of_it() -> None:
    assert len(ROWS) > 30
    assert all(row.count("|") == 3 for row in ROWS)
