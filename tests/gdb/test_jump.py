"""Going on somewhere else."""

from __future__ import annotations

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest
from tests.support.serve import Serve


def test_jump_skips_what_lies_between(gdb: Gdb, guest: SampleGuest, serve: Serve) -> None:
    gdb.run_to(guest.line("call-count"))
    assert "exited normally" in gdb.run(f"jump {guest.line('goodbye')}")
    console = serve.errors()
    assert "counter" not in console
    assert "goodbye\n" in console


def test_the_pc_can_be_set(gdb: Gdb, guest: SampleGuest, serve: Serve) -> None:
    gdb.run_to(guest.line("deposit-50"))
    gdb.run(f"tbreak {guest.line('goodbye')}")
    gdb.run(f"jump {guest.line('deposit-50')}")
    assert gdb.value("account.balance") == "500"


def test_return_leaves_a_function_undone(gdb: Gdb, serve: Serve) -> None:
    gdb.run_to("deposit")
    assert "guest_main ()" in gdb.run("return 0")
    gdb.run("continue")
    assert "balance = 450\n" in serve.errors()
