"""A breakpoint where there is no memory is refused, and the session goes on."""

from __future__ import annotations

from tests.support.gdb import Gdb


def test_it_is_refused_and_nothing_runs(gdb: Gdb) -> None:
    start = gdb.number("$pc")
    answer = gdb.script("break *0xd0000000", "continue")
    assert "Cannot insert breakpoint 1" in answer
    assert "annot access memory at address 0xd0000000" in answer
    assert gdb.number("$pc") == start


def test_the_session_goes_on_without_it(gdb: Gdb) -> None:
    gdb.script("break *0xd0000000", "continue", "delete")
    assert "deposit (a=" in gdb.run_to("deposit")
