"""A guest that goes wrong stops in gdb with the fitting signal; the server and the session live on."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest

CRASHES = [
    # arch, kind, signals, the line it stops on (None: the compiler gave the instruction no line)
    ("x86:64", 1, "SIGFPE", "crash-divide"),
    ("x86:32", 1, "SIGFPE", "crash-divide"),
    ("x86:64", 2, "SIGILL", "crash-opcode"),
    ("x86:32", 2, "SIGILL", "crash-opcode"),
    ("x86:64", 3, "SIGBUS", "crash-read"),
    ("x86:32", 3, "SIGBUS", "crash-read"),
    ("x86:64", 4, "SIGSTOP", None),
    ("x86:32", 4, "SIGSTOP", None),
    ("x86:16", 4, "SIGSTOP", None),
    ("ppc:440", 1, "SIGILL", None),
    ("ppc:750", 1, "SIGILL", None),
    ("ppc:440", 2, "SIGTRAP", "crash-trap"),
    ("ppc:750", 2, "SIGTRAP", "crash-trap"),
    ("ppc:440", 3, "SIGSEGV SIGBUS", "crash-read"),
    ("ppc:750", 3, "SIGSEGV SIGBUS", "crash-read"),
]


@pytest.mark.parametrize(("arch", "kind", "signals", "mark"), CRASHES)
def test_it_stops_and_can_be_looked_into(
    gdb: Gdb, guest: SampleGuest, kind: int, signals: str, mark: str | None
) -> None:
    stop = gdb.script(f"set var want_crash = {kind}", "continue")
    assert [name for name in signals.split() if f"received signal {name}" in stop]
    if mark is not None:
        assert guest.line(mark) in gdb.run("frame")
    frames = gdb.run("backtrace").splitlines()
    assert "crash (kind=" in frames[0]
    assert "guest_main ()" in frames[1]
    shown = gdb.run("monitor exits").splitlines()
    assert len(shown) == 1
    assert f"{gdb.number('$pc'):x}" in shown[0]


@pytest.mark.parametrize(("arch", "kind", "signals", "mark"), CRASHES)
def test_the_guest_can_start_over(gdb: Gdb, kind: int, signals: str, mark: str | None) -> None:
    gdb.script(f"set var want_crash = {kind}", "continue")
    gdb.go_back_to_start()
    assert "exited normally" in gdb.run("continue")


@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize("arch", ["x86:16"])
def test_a_guest_with_a_handler_gets_the_exception(gdb: Gdb, guest: SampleGuest, kind: int) -> None:
    """The real-mode sample has one, which halts."""
    stop = gdb.script(f"set var want_crash = {kind}", "continue")
    assert "received signal SIGSTOP" in stop
    assert "fault_stop ()" in stop
    first, second = gdb.run("monitor exits").splitlines()
    assert "to the guest" in first
    assert "halt" in second


@pytest.mark.parametrize("arch", ["ppc:440", "ppc:750"])
def test_a_branch_to_itself_is_a_loop_to_interrupt(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.run("set var want_crash = 4")
    gdb.run_to(guest.line("crash-halt"))
    assert "SIGINT" in gdb.interrupt_after("continue")
    assert guest.line("crash-halt") in gdb.run("frame")
