"""Policy ``hardware``: every breakpoint takes a slot of the machine's, of which there are few."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest
from tests.support.serve import Serve

ARCHS = pytest.mark.parametrize("arch", ["x86:64", "ppc:440", "ppc:750"])

FUNCTIONS = ("greet", "deposit", "factorial", "mix", "count_to")

SLOTS = {
    "x86:64": ("DR0", "DR1", "DR2", "DR3"),
    "ppc:440": ("IAC1", "IAC2", "IAC3", "IAC4"),
    "ppc:750": ("IABR",),
}


@pytest.fixture
def options() -> tuple[str, ...]:
    return ("--policy", "hardware")


@ARCHS
def test_a_break_becomes_a_hardware_breakpoint(gdb: Gdb) -> None:
    gdb.script("set breakpoint always-inserted on", "break deposit")
    assert "software breakpoint    0 hits, set as hardware breakpoint" in gdb.run("monitor breakpoints")
    assert "Breakpoint 1, deposit" in gdb.run("continue")


@ARCHS
def test_the_stop_is_reported_as_one(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.script("break *deposit", "set debug remote 1")
    assert "hwbreak:" in gdb.run("continue")


UNUSED = 0x20_0000
"""Memory that holds no code yet."""


@ARCHS
def test_code_that_is_not_loaded_yet(gdb: Gdb, guest: SampleGuest) -> None:
    """A trap would be overwritten by the code; a slot is not."""
    no_operation = 0x90909090 if guest.is_x86 else 0x60000000
    gdb.script("set breakpoint always-inserted on", f"break *{UNUSED + 4}")
    gdb.script(*(f"set var *(unsigned *){UNUSED + 4 * i} = {no_operation}" for i in range(4)))
    said = gdb.script(f"set $pc = {UNUSED}", "continue")
    assert "Breakpoint 1, " in said
    assert gdb.number("$pc") == UNUSED + 4


@ARCHS
def test_code_where_there_is_no_memory_yet(gdb: Gdb) -> None:
    gdb.script("set breakpoint always-inserted on", "break *0xd0000000")
    assert "0x00000000d0000000  software breakpoint" in gdb.run("monitor breakpoints")


class TestNoSlotIsLeft:
    def _run_out(self, gdb: Gdb, arch: str) -> str:
        for function in FUNCTIONS[: len(SLOTS[arch]) + 1]:
            gdb.run(f"break {function}")
        return gdb.run("continue")

    @ARCHS
    def test_the_one_too_many_is_refused(self, gdb: Gdb, arch: str) -> None:
        assert f"Cannot insert breakpoint {len(SLOTS[arch]) + 1}." in self._run_out(gdb, arch)

    @ARCHS
    def test_monitor_says_what_holds_the_slots(self, gdb: Gdb, arch: str) -> None:
        """gdb does not show the reason it is given (13.1, 16.3)."""
        self._run_out(gdb, arch)
        [reason] = [
            line for line in gdb.run("monitor breakpoints").splitlines() if line.startswith("refused: ")
        ]
        assert "no debug register is left for a hardware breakpoint at 0x" in reason
        for slot in SLOTS[arch]:
            assert f"{slot} holds a hardware breakpoint at 0x" in reason

    @ARCHS
    def test_so_does_the_server(self, gdb: Gdb, serve: Serve, arch: str) -> None:
        self._run_out(gdb, arch)
        assert f"{SLOTS[arch][-1]} holds a hardware breakpoint at 0x" in serve.errors()

    @ARCHS
    def test_with_one_fewer_it_works_again(self, gdb: Gdb, arch: str) -> None:
        self._run_out(gdb, arch)
        gdb.run("delete 1")
        assert "\nBreakpoint " in gdb.run("continue")
        assert "refused" not in gdb.run("monitor breakpoints")

    @pytest.mark.parametrize("arch", ["x86:64"])
    def test_a_watchpoint_takes_one_too(self, gdb: Gdb) -> None:
        gdb.script("watch watched", *(f"break {function}" for function in FUNCTIONS[:4]), "continue")
        assert "no debug register is left for a 4-byte write watchpoint at 0x" in gdb.run(
            "monitor breakpoints"
        )
