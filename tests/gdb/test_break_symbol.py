"""A breakpoint on a function."""

from __future__ import annotations

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest


def test_it_stops_at_the_function_with_its_arguments(gdb: Gdb) -> None:
    stop = gdb.script("break deposit", "continue")
    assert "Breakpoint 1, deposit (a=" in stop
    assert "<account>, amount=50) at sample.c:" in stop


def test_it_stops_at_the_very_address(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.script("break *deposit", "continue")
    assert gdb.number("$pc") == guest.symbol("deposit")


def test_it_stops_again_each_time(gdb: Gdb) -> None:
    gdb.run("break *deposit")
    stops = [gdb.run("continue") for _ in range(5)]
    assert ["deposit" in stop for stop in stops] == [True] * 4 + [False]
    assert "exited normally" in stops[-1]
