"""A watch on reads and writes."""

from __future__ import annotations

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest
from tests.support.serve import Serve


def test_it_stops_at_writes_and_reads(gdb: Gdb) -> None:
    first = gdb.script("awatch watched", "continue")
    assert "Hardware access (read/write) watchpoint 1: watched" in first
    assert "Old value = 0\nNew value = 1\n" in first
    assert "New value = 42" in gdb.run("continue")
    third = gdb.run("continue")
    assert "Value = 42" in third
    assert "LINE watched-read" in third


def test_the_guest_ends_as_if_nobody_had_watched(gdb: Gdb, serve: Serve) -> None:
    gdb.run("awatch observed")
    hits = 0
    while "awatch" in (stop := gdb.run("continue")) or "access (read/write)" in stop:
        hits += 1
    assert hits == 3
    assert "exited normally" in stop
    assert "watched = 42\n" in serve.errors()


def test_watches_of_each_kind_side_by_side(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.script("watch watched", "rwatch watched", "awatch observed")
    stops = [gdb.run("continue") for _ in range(6)]
    kinds = [stop.split("atchpoint")[0].split("\n")[-1].strip() for stop in stops]
    assert kinds == [
        "Hardware w",
        "Hardware access (read/write) w",
        "Hardware w",
        "Hardware read w",
        "Hardware access (read/write) w",
        "Hardware access (read/write) w",
    ]
