"""``until`` and ``advance``."""

from __future__ import annotations

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest


def test_advance_to_a_line(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.run_to("guest_main")
    assert "LINE deposit-50" in gdb.run(f"advance {guest.line('deposit-50')}")


def test_until_a_line(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.run_to("guest_main")
    assert "LINE call-ticks" in gdb.run(f"until {guest.line('call-ticks')}")


def test_until_leaves_a_loop(gdb: Gdb, guest: SampleGuest) -> None:
    """``until`` goes on where ``next`` would jump back."""
    gdb.script("set var count_limit = 8")
    gdb.run_to(guest.line("count"))
    for _ in range(3):
        gdb.run("until")
    assert gdb.number("counter") == 8
