"""Changing variables changes what the guest does."""

from __future__ import annotations

from tests.support.gdb import Gdb
from tests.support.serve import Serve


def test_a_global(gdb: Gdb, serve: Serve) -> None:
    gdb.script("set var count_limit = 12", "continue")
    assert "counter = 12\n" in serve.errors()


def test_an_argument(gdb: Gdb, serve: Serve) -> None:
    gdb.run_to("deposit")
    gdb.script("set var amount = 1000", "continue")
    assert "balance = 1450\n" in serve.errors()


def test_a_structure_member_and_a_string(gdb: Gdb) -> None:
    gdb.run('set var account.owner = "grace hopper 12"')
    gdb.run("set var account.id = 0xdeadbeef")
    assert 'id = 3735928559, balance = 100, deposits = 0, owner = "grace hopper 12"' in gdb.run(
        "print account"
    )


def test_code_is_memory_too(gdb: Gdb, serve: Serve) -> None:
    """Two deposits run the old code; what is written over it then runs in its place."""
    gdb.run_to("deposit")
    gdb.run_to("deposit")
    size = gdb.number("(char *) factorial - (char *) deposit")
    assert size > 0
    gdb.run("finish")
    ret = "0xc3" if "86" in gdb.run("show architecture") else "0x4e800020"
    cast = "(unsigned char *)" if ret == "0xc3" else "(unsigned *)"
    gdb.run(f"set var *{cast} deposit = {ret}")
    assert "exited normally" in gdb.run("continue")
    assert "balance = 175\n" in serve.errors()
