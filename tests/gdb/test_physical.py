"""``monitor physical``: addresses past the guest's translation."""

from __future__ import annotations

from tests.support.gdb import Gdb


def test_it_is_off_at_first(gdb: Gdb) -> None:
    assert "virtual" in gdb.run("monitor physical")


def test_on_and_off(gdb: Gdb) -> None:
    before = gdb.run("x/4xw &account")
    assert "physical" in gdb.run("monitor physical on")
    assert gdb.run("x/4xw &account") == before
    assert "virtual" in gdb.run("monitor physical off")


def test_what_is_neither(gdb: Gdb) -> None:
    assert "neither on nor off" in gdb.run("monitor physical maybe")
    assert "virtual" in gdb.run("monitor physical")
