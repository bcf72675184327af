"""Hardware breakpoints (Z1)."""

from __future__ import annotations

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest


def test_it_stops_at_the_very_address(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.script("hbreak *deposit", "continue")
    assert gdb.number("$pc") == guest.symbol("deposit")


def test_the_server_knows_its_kind(gdb: Gdb) -> None:
    gdb.script("set breakpoint always-inserted on", "hbreak deposit", "continue")
    assert "hardware breakpoint" in gdb.run("monitor breakpoints")


def test_next_to_a_software_one_at_the_same_place(gdb: Gdb) -> None:
    gdb.script("hbreak *deposit", "break *deposit", "continue", "delete 1")
    assert "Breakpoint 2" in gdb.run("continue")
    gdb.run("delete 2")
    assert "exited normally" in gdb.run("continue")


def test_a_temporary_hardware_one(gdb: Gdb) -> None:
    assert "Temporary breakpoint 1, deposit" in gdb.script("thbreak deposit", "continue")
    assert "exited normally" in gdb.run("continue")
