"""Backtraces, in recursion too."""

from __future__ import annotations

import re

from tests.support.gdb import Gdb


def test_from_a_function_to_the_entry(gdb: Gdb) -> None:
    gdb.run_to("deposit")
    frames = gdb.run("backtrace").splitlines()
    assert re.match(r"#0  deposit \(a=0x[0-9a-f]+ <account>, amount=50\)", frames[0])
    assert " in guest_main ()" in frames[1]
    assert " in _start ()" in frames[2]
    assert len(frames) == 3


def test_in_recursion(gdb: Gdb) -> None:
    gdb.run_to("factorial if n == 3")
    frames = gdb.run("backtrace").splitlines()
    assert re.findall(r"n=(\d+)", "\n".join(frames)) == ["3", "4", "5", "6", "7", "8", "9", "10"]
    assert len(frames) == 10


def test_up_and_down(gdb: Gdb) -> None:
    gdb.run_to("factorial if n == 3")
    assert "factorial (n=4)" in gdb.run("up")
    assert gdb.value("n") == "4"
    assert "factorial (n=3)" in gdb.run("down")


def test_every_argument(gdb: Gdb) -> None:
    gdb.run_to("mix")
    assert "a=1, b=2, c=3, d=4" in gdb.run("frame")
