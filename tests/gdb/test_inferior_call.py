"""gdb calls functions of the guest."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb
from tests.support.serve import Serve

SOME = ["x86:64", "x86:32", "ppc:440", "ppc:750"]


@pytest.mark.parametrize("arch", SOME)
def test_a_call_returns_its_value_and_leaves_the_guest_as_it_was(gdb: Gdb, serve: Serve) -> None:
    gdb.run_to("deposit")
    before = gdb.run("info registers")
    assert gdb.run("call factorial(5)").endswith("= 120\n")
    assert gdb.run("print mix(1, 2, 3, 4)").endswith("= 57\n")
    assert gdb.run("info registers") == before
    assert "exited normally" in gdb.run("continue")
    assert "balance = 500\n" in serve.errors()


def test_a_call_that_prints(gdb: Gdb, serve: Serve) -> None:
    gdb.run_to("deposit")
    gdb.run("call print_number(4711)")
    assert serve.errors().endswith("4711")


def test_a_breakpoint_inside_the_call(gdb: Gdb) -> None:
    gdb.run_to("deposit")
    gdb.run("break factorial if n == 2")
    assert "The program being debugged stopped while in a function called from GDB" in gdb.run(
        "call factorial(5)"
    )
    assert "factorial (n=2)" in gdb.run("backtrace")
    assert "<function called from gdb>" in gdb.run("backtrace")


def test_a_condition_with_a_call(gdb: Gdb) -> None:
    gdb.run("break deposit if mix(amount, 0, 0, 0) == 400")
    assert "amount=400" in gdb.run("continue")
