"""Looking at code."""

from __future__ import annotations

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest


def test_twenty_instructions(gdb: Gdb, guest: SampleGuest) -> None:
    lines = gdb.run("x/20i guest_main").splitlines()
    assert len(lines) == 20
    assert "<guest_main>:" in lines[0]
    assert any("<greet>" in line for line in lines)


def test_the_current_one_is_marked(gdb: Gdb) -> None:
    gdb.run_to("*deposit")
    first = gdb.run("x/3i $pc").splitlines()[0]
    assert first.startswith("=> ")
    assert "<deposit>:" in first


def test_a_whole_function(gdb: Gdb) -> None:
    text = gdb.run("disassemble factorial")
    assert "End of assembler dump." in text
    assert "<factorial>" in text
