"""Breakpoints: the stop is at the instruction, before it is executed, every time and nowhere else."""

from __future__ import annotations

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import StopKind
from kvmgdb.errors import RspError
from tests.support.machines import Machine

CODE_KINDS = (BreakpointKind.SOFTWARE, BreakpointKind.HARDWARE)


@pytest.mark.parametrize("kind", CODE_KINDS)
def test_it_stops_at_its_address_before_the_instruction(fresh: Machine, kind: BreakpointKind) -> None:
    target = fresh.guest.symbol("touch_watched")
    fresh.backend.insert(kind, target, 1)
    stop = fresh.run()
    assert (stop.kind, stop.pc, stop.address) == (StopKind.BREAKPOINT, target, target)
    assert fresh.backend.pc() == target
    stack = fresh.register(fresh.arch.registers.sp)
    fresh.backend.step()
    assert fresh.register(fresh.arch.registers.sp) < stack


def test_it_is_stepped_over_and_hit_again(fresh: Machine) -> None:
    target = fresh.guest.symbol("deposit")
    fresh.backend.insert(BreakpointKind.SOFTWARE, target, 1)
    stops = [fresh.run() for _ in range(5)]
    assert [stop.kind for stop in stops] == [StopKind.BREAKPOINT] * 4 + [StopKind.EXIT]


def test_a_loop_is_stopped_in_every_round(fresh: Machine) -> None:
    fresh.run_to(fresh.guest.symbol("count_to"))
    counts = []
    inside = _address_in_loop(fresh)
    fresh.backend.insert(BreakpointKind.SOFTWARE, inside, 1)
    for _ in range(20):
        assert fresh.run().pc == inside
        counts.append(fresh.number("counter"))
    assert counts == list(range(counts[0], counts[0] + 20))


def _address_in_loop(machine: Machine) -> int:
    """An instruction of ``count_to`` that every round executes: the one after the first increment."""
    while machine.number("counter") == 0:
        machine.backend.step()
    return machine.backend.pc()


def test_one_that_is_removed_stops_nobody(fresh: Machine) -> None:
    target = fresh.guest.symbol("deposit")
    fresh.backend.insert(BreakpointKind.SOFTWARE, target, 1)
    fresh.run()
    fresh.backend.remove(BreakpointKind.SOFTWARE, target, 1)
    assert fresh.run().kind is StopKind.EXIT


def test_one_set_in_code_that_has_run_before(fresh: Machine) -> None:
    target = fresh.guest.symbol("console_put")
    fresh.run_to(fresh.guest.symbol("count_to"))
    fresh.backend.insert(BreakpointKind.SOFTWARE, target, 1)
    assert fresh.run().pc == target


def test_removed_and_put_back_at_every_stop(fresh: Machine) -> None:
    """What gdb does: all out at a stop, all in again at the resume."""
    target = fresh.guest.symbol("console_put")
    for _ in range(60):
        fresh.backend.insert(BreakpointKind.SOFTWARE, target, 1)
        assert fresh.run().pc == target
        fresh.backend.remove(BreakpointKind.SOFTWARE, target, 1)
        fresh.backend.step()
    assert len(fresh.printed) == 59


def test_several_in_one_block_in_order(fresh: Machine) -> None:
    start = fresh.guest.symbol("touch_watched")
    fresh.run_to(start)
    addresses = []
    for _ in range(8):
        fresh.backend.step()
        addresses.append(fresh.backend.pc())
    fresh.backend.reset()
    for address in addresses:
        fresh.backend.insert(BreakpointKind.SOFTWARE, address, 1)
    assert [fresh.run().pc for _ in addresses] == addresses


def test_a_thousand_of_them(fresh: Machine) -> None:
    for index in range(1000):
        fresh.backend.insert(BreakpointKind.SOFTWARE, 0x20_0000 + 4 * index, 1)
    target = fresh.guest.symbol("deposit")
    fresh.backend.insert(BreakpointKind.SOFTWARE, target, 1)
    assert fresh.run().pc == target


def test_reading_code_never_shows_them(fresh: Machine) -> None:
    start, size = fresh.guest.symbol("deposit"), fresh.guest.size("deposit")
    before = fresh.read(start, size)
    alignment = fresh.arch.breakpoints.instruction_alignment
    fresh.backend.insert(BreakpointKind.SOFTWARE, start, 1)
    fresh.backend.insert(BreakpointKind.SOFTWARE, start + 4 * alignment, 1)
    fresh.run()
    assert fresh.read(start, size) == before
    assert fresh.backend.read_physical(start, size) == before


def test_a_software_one_where_there_is_no_memory_is_refused(fresh: Machine) -> None:
    for address in (0xD000_0000, fresh.memory):
        with pytest.raises(RspError, match=f"{address:#x}"):
            fresh.backend.insert(BreakpointKind.SOFTWARE, address, 1)


def test_a_hardware_one_next_to_a_software_one(fresh: Machine) -> None:
    """Two arms of one address: it stops until both are gone."""
    target = fresh.guest.symbol("deposit")
    for kind in CODE_KINDS:
        fresh.backend.insert(kind, target, 1)
    assert fresh.run().pc == target


def test_a_wake_in_between_does_not_hide_one(fresh: Machine) -> None:
    """Going on after a wake-up (``fresh`` false) is the same run: a breakpoint at the pc stops it."""
    target = fresh.guest.symbol("deposit")
    fresh.run_to(target)
    fresh.backend.insert(BreakpointKind.SOFTWARE, target, 1)
    stop = fresh.backend.resume(None, fresh=False)
    assert stop is not None
    assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, target)
