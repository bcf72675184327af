"""A breakpoint on a source line."""

from __future__ import annotations

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest


def test_it_stops_before_the_line_has_run(gdb: Gdb, guest: SampleGuest) -> None:
    stop = gdb.script(f"break {guest.line('deposit-count')}", "continue")
    assert guest.line("deposit-count") in stop
    assert "LINE deposit-count" in stop
    assert gdb.value("a->balance") == "150"
    assert gdb.value("a->deposits") == "0"


def test_two_lines_in_a_row(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.script(f"break {guest.line('deposit-balance')}", f"break {guest.line('deposit-count')}")
    assert "LINE deposit-balance" in gdb.run("continue")
    assert "LINE deposit-count" in gdb.run("continue")
    assert "LINE deposit-balance" in gdb.run("continue")
