"""Policy ``catch-all``: every debug exit of the guest stops in gdb, and goes on from there."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest, self_debugging

pytestmark = pytest.mark.parametrize("arch", ["x86:64", "ppc:440", "ppc:750"])


@pytest.fixture(params=["catch-all", "transparent with unclaimed_exits: gdb"])
def options(request: pytest.FixtureRequest, guest: SampleGuest) -> tuple[str, ...]:
    """The preset, or the one key that it is about."""
    key = ("--set", "policy.unclaimed_exits=gdb")
    chosen = ("--policy", "catch-all") if request.param == "catch-all" else key
    return (*chosen, "--image", str(guest.elf))


@pytest.fixture
def guest(arch: str) -> SampleGuest:
    return self_debugging(arch)


def _traps(guest: SampleGuest) -> list[tuple[int, int]]:
    """The first trap instructions the guest executes: where each is, and what follows."""
    if guest.is_x86:
        names = [("trap_int3", "trap_int3_after"), ("trap_int_3", "trap_int_3_after")]
    else:
        names = [("trap_always", "trap_always_after"), ("trap_old", "trap_old_after")]
    return [(guest.symbol(trap), guest.symbol(after)) for trap, after in names]


def test_each_trap_of_the_guests_stops_once(gdb: Gdb, guest: SampleGuest) -> None:
    """x86 stands behind a trap, PowerPC on it: going on goes past it on both."""
    for trap, after in _traps(guest):
        assert "received signal SIGTRAP" in gdb.run("continue")
        assert gdb.number("$pc") == (after if guest.is_x86 else trap)
        [*_, last] = gdb.run("monitor exits").splitlines()
        assert "exception   to the debugger: " in last


def test_a_step_passes_it_too(gdb: Gdb, guest: SampleGuest) -> None:
    [(trap, after), _] = _traps(guest)
    gdb.script("continue", "stepi")
    assert gdb.number("$pc") != trap
    if not guest.is_x86:
        assert gdb.number("$pc") == after


def test_an_instruction_put_in_its_place_is_executed(gdb: Gdb, guest: SampleGuest) -> None:
    [(trap, _), _] = _traps(guest)
    add = "38630001"  # addi r3, r3, 1
    if guest.is_x86:
        gdb.script("continue", f"set var *(char *){trap} = 0x90", f"set $pc = {trap}")  # nop
    else:
        gdb.script("continue", f"set var *(unsigned *){trap} = 0x{add}", "set $r3 = 41")
    gdb.run("stepi")
    assert gdb.number("$pc") == _traps(guest)[0][1]
    assert guest.is_x86 or gdb.number("$r3") == 42


def test_no_debug_exit_stops_twice_and_none_stops_the_guest(gdb: Gdb, guest: SampleGuest) -> None:
    """Traps, execution breakpoints, watches: up to where the guest begins to single-step itself."""
    limit = "tf-steps" if guest.is_x86 else "single-steps"
    gdb.run(f'hbreak begin if $_streq(name, "{limit}")')
    stops: list[str] = []
    while "Breakpoint 1, " not in (said := gdb.run("continue")):
        assert "received signal SIGTRAP" in said
        stops.append(gdb.run("monitor exits 1").split(None, 1)[1])
        assert len(set(stops[-6:])) > 1 or len(stops) < 6  # a function with a breakpoint is called 5 times
    assert any("trap" in stop or "#BP" in stop for stop in stops)
    assert any("debug" in stop or "breakpoint at" in stop for stop in stops)
