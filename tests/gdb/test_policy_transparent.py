"""Policy ``transparent``: the stub sets every kind, and the guest's own debug events are the guest's."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest, self_debugging
from tests.support.serve import Serve

ARCHS = pytest.mark.parametrize("arch", ["x86:64", "ppc:440", "ppc:750"])


@pytest.fixture
def guest(arch: str) -> SampleGuest:
    return self_debugging(arch)


@pytest.fixture
def options(guest: SampleGuest) -> tuple[str, ...]:
    return ("--policy", "transparent", "--image", str(guest.elf))


def _trap(guest: SampleGuest) -> str:
    """A function of the guest's that is a trap instruction and a return."""
    return "trap_int3" if guest.is_x86 else "trap_always"


@ARCHS
def test_a_guest_that_debugs_itself_does_not_notice_the_debugger(gdb: Gdb, serve: Serve) -> None:
    assert "exited normally" in gdb.run("continue")
    assert "FAIL" not in serve.errors()


@ARCHS
def test_the_guests_trap_goes_to_the_guest(gdb: Gdb, guest: SampleGuest) -> None:
    trap, after = (guest.symbol(_trap(guest) + name) for name in ("", "_after"))
    gdb.script(f"break *{after}", "continue")
    assert gdb.number("$pc") == after
    first, last = gdb.run("monitor exits").splitlines()
    assert f"{trap:#018x}  exception   to the guest: " in first
    assert f"{after:#018x}  breakpoint  to the debugger: " in last


@ARCHS
@pytest.mark.parametrize("command", ["break", "hbreak"])
def test_breakpoints_of_both_kinds_hit_beside_the_guests(
    gdb: Gdb, serve: Serve, guest: SampleGuest, command: str
) -> None:
    gdb.run(f"{command} *bump")
    stops = 0
    while "exited" not in (said := gdb.run("continue")):
        assert "Breakpoint 1, " in said
        stops += 1
    assert stops > 3
    assert "exited normally" in said
    assert "FAIL" not in serve.errors()


@pytest.mark.parametrize("command", ["watch", "rwatch", "awatch"])
def test_watchpoints_of_every_kind_hit_beside_the_guests(
    gdb: Gdb, serve: Serve, guest: SampleGuest, command: str
) -> None:
    gdb.run(f"{command} watched[2]")
    stops = 0
    while "exited" not in (said := gdb.run("continue")):
        assert "watchpoint 1: watched[2]" in said
        stops += 1
    assert stops > 1
    assert "exited normally" in said
    assert "FAIL" not in serve.errors()


@ARCHS
def test_no_breakpoint_is_written_into_memory(gdb: Gdb, guest: SampleGuest) -> None:
    where = guest.symbol("bump")
    before = gdb.memory(where, 4)
    gdb.script("set breakpoint always-inserted on", "break *bump")
    assert f"{where:#018x}  software breakpoint" in gdb.run("monitor breakpoints")
    assert gdb.memory(where, 4) == before
