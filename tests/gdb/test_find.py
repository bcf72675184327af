"""Searching memory, and comparing it with the program, without fetching it."""

from __future__ import annotations

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest


def test_find_what_is_there(gdb: Gdb, guest: SampleGuest) -> None:
    answer = gdb.run("find /1 &account, +sizeof(account), 'a', 'd', 'a', '\\0'")

    assert "<account+12>" in answer
    assert "1 pattern found" in answer


def test_every_place(gdb: Gdb) -> None:
    for address in (0x400123, 0x4FFFFE, 0xFFFFFC):
        gdb.run(f"set var *(unsigned *){address} = 0x12345678")

    answer = gdb.run("find /w 0x400000, 0xffffff, 0x12345678")

    assert [line.split()[0] for line in answer.splitlines() if line.startswith("0x")] == [
        "0x400123",
        "0x4ffffe",
        "0xfffffc",
    ]
    assert gdb.number("$numfound") == 3


def test_bytes_the_protocol_itself_uses(gdb: Gdb) -> None:
    gdb.run("set var *(unsigned char[4] *)0x400123 = {0x7d, 0x24, 0x2a, 0x23}")

    assert "0x400123" in gdb.run("find /b 0x400000, +0x1000, 0x7d, 0x24, 0x2a, 0x23")


def test_what_is_before_the_end_of_memory(gdb: Gdb) -> None:
    gdb.run("set var *(unsigned *)0xfffffc = 0x12345678")

    answer = gdb.run("find /w 0xff0000, +0x1000000, 0x12345678")

    assert "0xfffffc" in answer
    assert "1 pattern found" in answer


def test_nothing(gdb: Gdb) -> None:
    assert "Pattern not found" in gdb.run("find /w 0x400000, +0x100000, 0x12345678")


def test_compare_sections_sees_a_changed_byte(gdb: Gdb) -> None:
    gdb.run("set var account.id = 77")

    answer = gdb.run("compare-sections")

    assert ".text" in answer
    assert "MIS-MATCHED" in answer
    assert gdb.run("compare-sections .text").count("matched.") == 1
