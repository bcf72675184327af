"""Breakpoints that are taken out, disabled and put back."""

from __future__ import annotations

from tests.support.gdb import Gdb


def test_a_deleted_one_does_not_stop(gdb: Gdb) -> None:
    gdb.script("break deposit", "continue", "delete")
    assert "exited normally" in gdb.run("continue")


def test_one_that_is_put_back_stops_again(gdb: Gdb) -> None:
    gdb.script("break deposit", "continue", "delete", "break deposit")
    assert "amount=25" in gdb.run("continue")


def test_a_disabled_one_lets_hits_pass(gdb: Gdb) -> None:
    gdb.script("break deposit", "break factorial", "continue", "disable 1")
    assert "factorial (n=10)" in gdb.run("continue")


def test_one_set_where_the_guest_has_been_already(gdb: Gdb) -> None:
    gdb.run_to("deposit")
    gdb.run_to("deposit")
    gdb.script("break deposit")
    assert "amount=-75" in gdb.run("continue")


def test_the_server_is_told_of_each_change(gdb: Gdb) -> None:
    gdb.script("set breakpoint always-inserted on", "break deposit", "continue")
    assert "software breakpoint" in gdb.run("monitor breakpoints")
    assert "1 hit" in gdb.run("monitor breakpoints")
    gdb.run("delete")
    assert "no breakpoints are set" in gdb.run("monitor breakpoints")


def test_code_looks_untouched_while_they_are_set(gdb: Gdb) -> None:
    before = gdb.run("output/x *(char(*)[8]) deposit")
    gdb.script("set breakpoint always-inserted on", "break *deposit", "continue")
    assert gdb.run("output/x *(char(*)[8]) deposit") == before
