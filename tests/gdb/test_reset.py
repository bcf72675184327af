"""``monitor reset``: the guest starts over."""

from __future__ import annotations

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest
from tests.support.serve import Serve


def test_registers_and_memory_are_those_of_the_start(gdb: Gdb, guest: SampleGuest) -> None:
    registers = gdb.run("info registers")
    gdb.run_to("factorial")
    gdb.go_back_to_start()
    assert gdb.run("info registers") == registers
    assert gdb.number("$pc") == guest.symbol("_start")
    assert gdb.number("counter") == 0
    assert gdb.value("account.balance") == "100"


def test_the_guest_runs_again_from_there(gdb: Gdb, serve: Serve) -> None:
    gdb.run_to("factorial")
    gdb.go_back_to_start()
    assert "exited normally" in gdb.run("continue")
    assert serve.errors().count("kvmgdb sample guest") == 2


def test_breakpoints_stay(gdb: Gdb) -> None:
    gdb.script("break deposit", "continue", "continue")
    gdb.go_back_to_start()
    assert "amount=50" in gdb.run("continue")


def test_what_was_written_is_gone(gdb: Gdb) -> None:
    gdb.script("set var want_spin = 1", "set var account.balance = 7")
    gdb.go_back_to_start()
    assert gdb.value("want_spin") == "0"
    assert gdb.value("account.balance") == "100"
