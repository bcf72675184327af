"""A watch on reads."""

from __future__ import annotations

from tests.support.gdb import Gdb
from tests.support.serve import Serve


def test_it_stops_at_the_read_and_not_at_the_writes(gdb: Gdb) -> None:
    hit = gdb.script("rwatch watched", "continue")
    assert "Hardware read watchpoint 1: watched" in hit
    assert "Value = 42" in hit
    assert "LINE watched-read" in hit


def test_the_read_gets_its_value(gdb: Gdb, serve: Serve) -> None:
    gdb.script("rwatch watched", "continue", "delete")
    assert "exited normally" in gdb.run("continue")
    assert "watched = 42\n" in serve.errors()


def test_the_read_gets_its_value_when_stepped_too(gdb: Gdb) -> None:
    gdb.script("rwatch watched", "continue", "delete")
    gdb.run("next")
    assert gdb.number("observed") == 42
