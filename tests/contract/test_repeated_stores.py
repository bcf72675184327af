"""``rep stosb`` on x86: one instruction that stores many times."""

from __future__ import annotations

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import StopKind
from tests.support.guests import X86
from tests.support.machines import Machine

pytestmark = pytest.mark.parametrize("arch", X86, scope="module")

REP_STOSB = (b"\xf3\xaa", b"\x67\xf3\xaa", b"\xf3\x67\xaa")


def _at_the_instruction(machine: Machine) -> int:
    """Run to it; its address."""
    machine.run_to(machine.guest.symbol("fill"))
    while not machine.read(machine.backend.pc(), 3).startswith(REP_STOSB):
        machine.backend.step()
    return machine.backend.pc()


def test_a_watch_in_the_middle_is_hit_when_its_byte_is_stored(fresh: Machine) -> None:
    filled = fresh.guest.symbol("filled")
    fresh.backend.insert(BreakpointKind.WRITE, filled + 5, 1)
    stop = fresh.run()
    assert (stop.kind, stop.address) == (StopKind.WATCHPOINT, filled + 5)
    assert fresh.read(filled, 7) == b"kkkkkk\0"


def test_each_byte_of_a_watch_is_a_hit_and_all_are_stored_once(fresh: Machine) -> None:
    filled = fresh.guest.symbol("filled")
    _at_the_instruction(fresh)
    fresh.backend.insert(BreakpointKind.WRITE, filled + 4, 4)
    hits = []
    while (stop := fresh.run()).kind is StopKind.WATCHPOINT:
        hits.append(stop.address)
    assert stop.kind is StopKind.EXIT
    assert hits == [filled + 4, filled + 5, filled + 6, filled + 7]
    assert fresh.read(filled, 16) == b"k" * 16


def test_steps_get_through_it(fresh: Machine) -> None:
    """A step is one round (SDM vol. 3, "Single-Step Exception": after each iteration)."""
    filled = fresh.guest.symbol("filled")
    address = _at_the_instruction(fresh)
    for count in range(1, 17):
        assert fresh.backend.pc() == address
        fresh.backend.step()
        assert fresh.read(filled, 17) == b"k" * count + bytes(17 - count)


def test_a_breakpoint_on_it_stops_before_the_first_round(fresh: Machine) -> None:
    """And before each later one, as a trap instruction put there would; no round is lost or done twice."""
    address, filled = _at_the_instruction(fresh), fresh.guest.symbol("filled")
    fresh.backend.reset()
    fresh.backend.insert(BreakpointKind.SOFTWARE, address, 1)
    stored = []
    while (stop := fresh.run()).kind is StopKind.BREAKPOINT:
        assert stop.pc == address
        stored.append(fresh.read(filled, 16).count(b"k"))
    assert stored in ([*range(16)], [*range(17)])  # the engine looks once more to find the count at 0
    assert stop.kind is StopKind.EXIT
