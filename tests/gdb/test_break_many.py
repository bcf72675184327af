"""A thousand breakpoints at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest

COUNT = 1000


@pytest.fixture
def crowded(gdb: Gdb, guest: SampleGuest, tmp_path: Path) -> Gdb:
    """A gdb with a thousand breakpoints where nothing runs, and one on ``deposit``."""
    start = guest.symbol("_start") + 0x40000
    file = tmp_path / "many.gdb"
    file.write_text("".join(f"break *{start + 4 * index:#x}\n" for index in range(COUNT)))
    gdb.run(f"source {file}")
    gdb.run("break deposit")
    return gdb


def test_the_one_that_is_reached_stops(crowded: Gdb) -> None:
    assert f"Breakpoint {COUNT + 1}, deposit" in crowded.run("continue")
    assert f"Breakpoint {COUNT + 1}, deposit" in crowded.run("continue")


def test_the_server_has_them_all(crowded: Gdb) -> None:
    crowded.script("set breakpoint always-inserted on", "continue")
    assert len(crowded.run("monitor breakpoints").splitlines()) == COUNT + 1
    crowded.run("delete")
    assert "no breakpoints are set" in crowded.run("monitor breakpoints")
    assert "exited normally" in crowded.run("continue")
