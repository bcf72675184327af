"""Structures, arrays and strings."""

from __future__ import annotations

from tests.support.gdb import Gdb


def test_the_structure(gdb: Gdb) -> None:
    gdb.run_to("deposit")
    assert 'id = 1, balance = 100, deposits = 0, owner = "ada", ' in gdb.run("print account")
    assert gdb.run("print *a").partition("=")[2] == gdb.run("print account").partition("=")[2]


def test_its_members_through_a_pointer(gdb: Gdb) -> None:
    gdb.run_to("deposit")
    assert gdb.value("(&account)->id") == "1"
    assert gdb.value("(char *) a->owner").endswith('"ada"')
    assert gdb.value("sizeof account") == "28"


def test_a_local_array(gdb: Gdb) -> None:
    gdb.run_to("print")
    gdb.run("up")
    assert "kvmgdb sample guest (" in gdb.run("print line")
