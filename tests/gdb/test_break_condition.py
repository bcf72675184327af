"""Conditions: evaluated in the stub where gdb can send them, in gdb where it cannot."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest


def stops(gdb: Gdb) -> int:
    """How often the guest has stood still so far."""
    return int(gdb.run("monitor info").partition(", ")[2].partition(" stops")[0])


def test_it_stops_where_the_condition_holds(gdb: Gdb) -> None:
    stop = gdb.script("break deposit if amount < 0", "continue")
    assert "amount=-75" in stop
    assert gdb.value("a->balance") == "175"


def test_a_loop_is_left_alone_until_then(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.script(f"break {guest.line('count')} if counter == 30", "continue")
    assert gdb.number("counter") == 30


def test_a_condition_that_never_holds_stops_nobody(gdb: Gdb) -> None:
    assert "exited normally" in gdb.script("break deposit if amount == 1000000", "continue")


def test_one_that_is_false_is_no_stop(gdb: Gdb, guest: SampleGuest) -> None:
    before = stops(gdb)
    gdb.script(f"break {guest.line('count')} if counter == 900", "continue")
    assert gdb.number("counter") == 900
    assert stops(gdb) - before < 5
    assert "1 hit, 900 times its condition was false" in gdb.run("monitor breakpoints")


@pytest.mark.parametrize("command", ["break", "hbreak"])
def test_ignore_counts_are_gdbs_and_come_after(gdb: Gdb, guest: SampleGuest, command: str) -> None:
    gdb.script(f"{command} {guest.line('count')} if counter % 10 == 0", "ignore $bpnum 3", "continue")
    assert gdb.number("counter") == 30


def test_registers_and_locals(gdb: Gdb) -> None:
    assert "n=3" in gdb.script("break factorial if n == 3 && account.balance > 100", "continue")


def test_two_at_a_place(gdb: Gdb, guest: SampleGuest) -> None:
    line = guest.line("count")
    gdb.script(f"break {line} if counter == 70", f"break {line} if counter == 40", "continue")
    assert gdb.number("counter") == 40
    gdb.run("continue")
    assert gdb.number("counter") == 70


def test_a_new_condition_takes_the_old_ones_place(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.script(
        f"break {guest.line('count')} if counter == 20", "continue", "condition 1 counter == 25", "continue"
    )
    assert gdb.number("counter") == 25


def test_what_has_no_value_stops(gdb: Gdb) -> None:
    """Division by zero, and memory that is not there: gdb is told, and the stub says why."""
    gdb.script("set breakpoint always-inserted on", "break deposit if 10 / (amount - 50) == 0", "continue")
    assert "amount=50" in gdb.run("frame")
    assert "an expression failed: division by zero" in gdb.run("monitor breakpoints")
