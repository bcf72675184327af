"""Running within a range: to the first instruction outside, however many there are inside."""

from __future__ import annotations

import os
import threading

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import Stop, StopKind
from tests.support.machines import Machine


def run_within(machine: Machine, within: range) -> Stop:
    stop = machine.backend.resume(None, fresh=True, within=within)
    assert stop is not None
    return stop


def stepped(machine: Machine, within: range) -> int:
    """Where single steps leave the range."""
    while True:
        pc = machine.backend.step().pc
        if pc not in within:
            return pc


def body(machine: Machine, name: str) -> range:
    start = machine.guest.symbol(name)
    return range(start, start + machine.guest.size(name))


def test_a_short_way(fresh: Machine) -> None:
    within = body(fresh, "deposit")
    fresh.run_to(within.start)
    fresh.backend.step()
    state = fresh.registers()
    expected = stepped(fresh, within)

    fresh.backend.reset()
    fresh.run_to(within.start)
    fresh.backend.step()
    assert fresh.registers() == state
    stop = run_within(fresh, within)

    assert (stop.kind, stop.pc, fresh.backend.pc()) == (StopKind.STEP, expected, expected)


def test_a_thousand_rounds(fresh: Machine) -> None:
    within = body(fresh, "count_to")
    fresh.run_to(within.start)

    stop = run_within(fresh, within)

    assert stop.kind is StopKind.STEP
    assert stop.pc not in within
    assert fresh.backend.pc() == stop.pc
    assert fresh.number("counter") == 1000


def test_afterwards_it_runs_as_ever(fresh: Machine) -> None:
    fresh.run_to(fresh.guest.symbol("count_to"))
    run_within(fresh, body(fresh, "count_to"))

    target = fresh.guest.symbol("touch_watched")
    fresh.backend.insert(BreakpointKind.SOFTWARE, target, 1)
    assert fresh.run().pc == target
    assert fresh.run().kind is StopKind.EXIT


def test_an_empty_range_is_a_step(fresh: Machine) -> None:
    expected = fresh.backend.step().pc
    fresh.backend.reset()

    assert run_within(fresh, range(0)).pc == expected


def test_breakpoints_inside_stop_it(fresh: Machine) -> None:
    within = body(fresh, "count_to")
    fresh.run_to(within.start)
    while fresh.number("counter") == 0:
        fresh.backend.step()
    inside = fresh.backend.pc()
    fresh.backend.insert(BreakpointKind.SOFTWARE, inside, 1)

    stops = [run_within(fresh, within) for _ in range(3)]

    assert [(stop.kind, stop.pc) for stop in stops] == [(StopKind.BREAKPOINT, inside)] * 3
    assert fresh.number("counter") == 4


def test_watchpoints_stop_it(fresh: Machine) -> None:
    within = body(fresh, "count_to")
    fresh.run_to(within.start)
    counter, size = fresh.guest.symbol("counter"), fresh.guest.size("counter")
    fresh.backend.insert(BreakpointKind.WRITE, counter, size)

    assert run_within(fresh, within).kind is StopKind.WATCHPOINT


def test_it_can_be_interrupted(fresh: Machine) -> None:
    fresh.set_number("want_spin", 1)
    fresh.run_to(fresh.guest.symbol("spin"))
    readable, writable = os.pipe()
    alarm = threading.Timer(0.05, os.write, (writable, b"!"))
    alarm.start()
    try:
        stop = fresh.backend.resume(readable, fresh=True, within=body(fresh, "spin"))
    finally:
        alarm.join()
        os.close(readable)
        os.close(writable)
    assert stop is None
    assert fresh.backend.pc() in body(fresh, "spin")
    assert fresh.number("spins") > 0
