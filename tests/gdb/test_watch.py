"""A watch on writes: where it stops, and what was there before and after."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest

SOME = ["x86:64", "x86:32", "x86:16", "ppc:440", "ppc:750"]


def test_it_stops_on_the_line_after_the_write(gdb: Gdb, guest: SampleGuest) -> None:
    hit = gdb.script("watch watched", "continue")
    assert "Hardware watchpoint 1: watched" in hit
    assert "Old value = 0\nNew value = 1\n" in hit
    assert "LINE watched-untouched" in hit
    again = gdb.run("continue")
    assert "Old value = 1\nNew value = 42\n" in again
    assert "LINE watched-read" in again


@pytest.mark.parametrize("arch", SOME)
def test_the_pc_is_where_single_steps_see_the_change(gdb: Gdb) -> None:
    gdb.run_to("touch_watched")
    gdb.script("while watched == 0\nstepi\nend")
    expected = gdb.number("$pc")
    gdb.go_back_to_start()
    gdb.script("watch watched", "continue")
    assert gdb.number("$pc") == expected


def test_reads_and_neighbours_stop_nobody(gdb: Gdb) -> None:
    gdb.run_to("touch_watched")
    gdb.script("watch watched", "continue", "continue")
    assert "exited normally" in gdb.run("continue")


def test_every_write_of_a_structure_member(gdb: Gdb) -> None:
    gdb.run("watch account.balance")
    values = []
    for _ in range(4):
        gdb.run("continue")
        values.append(gdb.value("account.balance"))
    assert values == ["150", "175", "100", "500"]
    assert "exited normally" in gdb.run("continue")


def test_a_write_that_changes_nothing_else(gdb: Gdb) -> None:
    """What is watched is executed once: the sums at the end are those of an undisturbed run."""
    gdb.script("watch account.deposits", "continue", "continue", "continue", "continue")
    assert gdb.value("account.deposits") == "4"
    assert gdb.value("account.balance") == "500"


def test_a_condition_on_a_watch(gdb: Gdb) -> None:
    gdb.script("watch ticks if ticks == 20", "continue")
    assert gdb.number("ticks") == 20


def test_a_local_variable(gdb: Gdb) -> None:
    gdb.run_to("mix")
    hit = gdb.script("watch sum", "continue")
    assert "New value = 5" in hit
    assert "New value = 53" in gdb.run("continue")
