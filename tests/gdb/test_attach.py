"""gdb attaches, and finds the guest standing at its entry."""

from __future__ import annotations

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest


def test_the_guest_stands_at_its_entry(gdb: Gdb, guest: SampleGuest) -> None:
    assert gdb.number("$pc") == guest.symbol("_start")
    assert "_start ()" in gdb.run("frame")


def test_there_is_one_processor(gdb: Gdb) -> None:
    threads = gdb.run("info threads")
    assert '"vCPU 0" (x86:64, long mode, ring 0)' in threads or "(ppc:440, supervisor mode)" in threads
    assert "* 1 " in threads
    assert len(threads.splitlines()) == 2


def test_nothing_has_run_yet(gdb: Gdb) -> None:
    assert gdb.number("counter") == 0
    assert "no stops yet" in gdb.run("monitor exits")
