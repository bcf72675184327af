"""Temporary breakpoints and ignore counts."""

from __future__ import annotations

from tests.support.gdb import Gdb


def test_a_temporary_one_stops_once(gdb: Gdb) -> None:
    assert "Temporary breakpoint 1, deposit" in gdb.script("tbreak deposit", "continue")
    assert "No breakpoints" in gdb.run("info breakpoints")
    assert "exited normally" in gdb.run("continue")


def test_ignored_hits_pass(gdb: Gdb) -> None:
    stop = gdb.script("break deposit", "ignore 1 2", "continue")
    assert "amount=-75" in stop
    assert "already hit 3 times" in gdb.run("info breakpoints")


def test_continue_with_a_count(gdb: Gdb) -> None:
    gdb.script("break deposit", "continue")
    assert "amount=400" in gdb.run("continue 3")
