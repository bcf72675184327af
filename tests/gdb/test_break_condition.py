"""A condition that gdb evaluates at each hit."""

from __future__ import annotations

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest


def test_it_stops_where_the_condition_holds(gdb: Gdb) -> None:
    stop = gdb.script("break deposit if amount < 0", "continue")
    assert "amount=-75" in stop
    assert gdb.value("a->balance") == "175"


def test_a_loop_is_left_alone_until_then(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.script(f"break {guest.line('count')} if counter == 30", "continue")
    assert gdb.number("counter") == 30


def test_a_condition_that_never_holds_stops_nobody(gdb: Gdb) -> None:
    assert "exited normally" in gdb.script("break deposit if amount == 1000000", "continue")
