"""Memory that is not there is an error with an address, and the session goes on."""

from __future__ import annotations

from tests.support.gdb import Gdb


def test_reading(gdb: Gdb) -> None:
    assert "Cannot access memory at address 0xd0000000" in gdb.run("x/4xw 0xd0000000")
    assert "Cannot access memory at address 0xd0000000" in gdb.run("print *(int *) 0xd0000000")


def test_writing(gdb: Gdb) -> None:
    assert "Cannot access memory at address 0xd0000000" in gdb.run("set var *(int *) 0xd0000000 = 1")


def test_reading_over_the_end_of_memory(gdb: Gdb) -> None:
    """What is there is shown up to the last byte."""
    answer = gdb.run("x/4xw 0xfffff8")
    assert answer.count("0x00000000") == 2
    assert "Cannot access memory at address 0x1000000" in answer


def test_the_session_goes_on(gdb: Gdb) -> None:
    gdb.script("x/4xw 0xd0000000", "set var *(int *) 0xd0000000 = 1")
    assert "deposit (a=" in gdb.run_to("deposit")
    assert "exited normally" in gdb.run("continue")
