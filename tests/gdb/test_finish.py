"""``finish``: to the caller, with the value returned."""

from __future__ import annotations

from tests.support.gdb import Gdb


def test_the_value_returned(gdb: Gdb) -> None:
    gdb.run_to("deposit")
    answer = gdb.run("finish")
    assert "Run till exit" in answer
    assert "guest_main ()" in answer
    assert "Value returned is $1 = 150" in answer


def test_out_of_recursion_one_call_at_a_time(gdb: Gdb) -> None:
    gdb.run_to("factorial if n == 2")
    for n, value in ((3, 2), (4, 6), (5, 24)):
        answer = gdb.run("finish")
        assert f"factorial (n={n})" in answer
        assert f"= {value}\n" in answer
