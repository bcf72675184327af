"""Stepping by source line: over calls and into them."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest


def stops(gdb: Gdb) -> int:
    """How often the guest has stood still so far."""
    return int(gdb.run("monitor info").partition(", ")[2].partition(" stops")[0])


def test_next_goes_over_calls(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.run_to(guest.line("deposit-50"))
    assert "deposit(&account, 25);" in gdb.run("next")
    assert gdb.value("account.balance") == "150"
    assert "deposit(&account, -75);" in gdb.run("next")
    assert gdb.value("account.balance") == "175"


def test_step_goes_into_them(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.run_to(guest.line("deposit-50"))
    assert "deposit (a=" in gdb.run("step")
    assert "LINE deposit-count" in gdb.run("step")
    assert "return a->balance;" in gdb.run("step")
    gdb.run("step 2")
    assert "guest_main" in gdb.run("frame")


@pytest.mark.parametrize("arch", ["x86:64"])
def test_next_over_a_loop_on_one_line(gdb: Gdb) -> None:
    gdb.run_to("tick_1000")
    before = stops(gdb)
    gdb.run("next")
    assert gdb.number("ticks") == 1000
    assert stops(gdb) - before <= 3


def test_next_stops_at_a_breakpoint_on_the_way(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.run_to(guest.line("deposit-50"))
    gdb.run(f"break {guest.line('deposit-count')}")
    assert "LINE deposit-count" in gdb.run("next")


def test_next_over_recursion_stays_in_its_frame(gdb: Gdb) -> None:
    gdb.run_to("factorial if n == 6")
    gdb.run("next")
    gdb.run("next")
    assert gdb.value("n") == "6"
