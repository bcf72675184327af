"""Stepping by instruction."""

from __future__ import annotations

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest


def test_one_instruction(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.run_to("*deposit")
    second = int(gdb.run("x/2i $pc").splitlines()[1].split()[0], 16)
    gdb.run("stepi")
    assert gdb.number("$pc") == second


def test_fifty_at_once_end_where_fifty_single_ones_do(gdb: Gdb) -> None:
    gdb.run_to("*deposit")
    gdb.run("stepi 50")
    expected = gdb.number("$pc")
    gdb.go_back_to_start()
    gdb.run_to("*deposit")
    for _ in range(50):
        gdb.run("stepi")
    assert gdb.number("$pc") == expected


def test_from_a_breakpoint(gdb: Gdb) -> None:
    gdb.script("break *deposit", "continue")
    before = gdb.number("$pc")
    gdb.run("stepi")
    assert before < gdb.number("$pc") <= before + 15


def test_onto_a_breakpoint(gdb: Gdb) -> None:
    gdb.run_to("*deposit")
    following = int(gdb.run("x/2i $pc").splitlines()[1].split()[0], 16)
    gdb.run(f"break *{following:#x}")
    assert "Breakpoint 2" in gdb.run("stepi")
    assert gdb.number("$pc") == following


def test_nexti_goes_over_a_call(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.run_to(guest.line("deposit-50"))
    while gdb.value("account.balance") == "100":
        gdb.run("nexti")
        assert "guest_main" in gdb.run("frame")


def test_a_stop_brings_all_registers_that_a_frame_needs(gdb: Gdb) -> None:
    gdb.script("break deposit", "continue", "set debug remote 1")
    packets = gdb.run("stepi 5")
    assert packets.count("Sending packet: $vCont;s") == 5
    assert "Sending packet: $g" not in packets
    assert "Sending packet: $p" not in packets
