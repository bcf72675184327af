"""Watchpoints, judged by single steps: which bytes an instruction touches decides, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import Stop, StopKind
from tests.support.accesses import CODE, DATA, WINDOW, Access, accesses, loop_result, place, place_loop
from tests.support.machines import Machine

KINDS = (BreakpointKind.WRITE, BreakpointKind.READ, BreakpointKind.ACCESS)


@dataclass(frozen=True)
class Outcome:
    """What an instruction did."""

    memory: bytes
    registers: dict[str, int]


def _outcome(machine: Machine) -> Outcome:
    return Outcome(machine.read(WINDOW.start, len(WINDOW)), machine.registers())


def _reference(machine: Machine, access: Access, address: int) -> tuple[Outcome, Outcome]:
    """Before and after one undisturbed step."""
    place(machine, access, address)
    before = _outcome(machine)
    machine.backend.step()
    return before, _outcome(machine)


def _expected_hit(access: Access, address: int, kind: BreakpointKind, start: int, length: int) -> int | None:
    """The first watched byte the instruction touches in a way that is watched."""
    watched = {
        BreakpointKind.WRITE: access.write,
        BreakpointKind.READ: access.read,
        BreakpointKind.ACCESS: True,
    }[kind]
    first, last = max(address, start), min(address + access.size, start + length) - 1
    return first if watched and first <= last else None


def _watched_run(machine: Machine, access: Access, kind: BreakpointKind, start: int, length: int) -> Stop:
    """Execute the instruction under a watch; a breakpoint behind it ends the run that is not hit."""
    end = CODE + len(access.code)
    machine.backend.insert(kind, start, length)
    machine.backend.insert(BreakpointKind.HARDWARE, end, 1)
    try:
        return machine.run()
    finally:
        machine.backend.remove(BreakpointKind.HARDWARE, end, 1)
        machine.backend.remove(kind, start, length)


def _check(
    machine: Machine, access: Access, address: int, kind: BreakpointKind, start: int, length: int
) -> None:
    before, after = _reference(machine, access, address)
    place(machine, access, address)
    stop = _watched_run(machine, access, kind, start, length)
    hit = _expected_hit(access, address, kind, start, length)
    if hit is None:
        assert stop.kind is StopKind.BREAKPOINT
    else:
        assert (stop.kind, stop.address, stop.breakpoint) == (StopKind.WATCHPOINT, hit, kind)
        if machine.arch.breakpoints.watch_before:
            assert _outcome(machine) == before
            machine.backend.step()
    assert _outcome(machine) == after


offsets = st.integers(-20, 20)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    choice=st.integers(0, 1000),
    offset=offsets,
    kind=st.sampled_from(KINDS),
    start=offsets,
    length=st.integers(1, 16),
)
@example(choice=2, offset=-2, kind=BreakpointKind.WRITE, start=0, length=1)
@example(choice=2, offset=-2, kind=BreakpointKind.WRITE, start=-4, length=2)
@example(choice=5, offset=-1, kind=BreakpointKind.ACCESS, start=2, length=1)
def test_a_hit_is_what_single_steps_say(
    shared: Machine, choice: int, offset: int, kind: BreakpointKind, start: int, length: int
) -> None:
    """Any instruction, any place, any watch: also unaligned, also over a page boundary."""
    rows = accesses(shared.guest.arch)
    _check(shared, rows[choice % len(rows)], DATA + offset, kind, DATA + start, length)


@pytest.mark.parametrize("kind", KINDS)
def test_every_instruction_under_a_watch_of_just_its_bytes(shared: Machine, kind: BreakpointKind) -> None:
    for access in accesses(shared.guest.arch):
        for address in (DATA, DATA + 1, DATA - access.size, DATA - 1):
            _check(shared, access, address, kind, address, access.size)


@pytest.mark.parametrize("kind", KINDS)
def test_the_neighbours_of_an_access_are_not_hit(shared: Machine, kind: BreakpointKind) -> None:
    for access in accesses(shared.guest.arch):
        _check(shared, access, DATA, kind, DATA - 1, 1)
        _check(shared, access, DATA, kind, DATA + access.size, 1)


def test_an_access_is_hit_in_each_round_of_a_loop(fresh: Machine) -> None:
    counter, size = fresh.guest.symbol("counter"), fresh.guest.size("counter")
    fresh.backend.insert(BreakpointKind.WRITE, counter, size)
    seen = []
    for _ in range(10):
        stop = fresh.run()
        assert (stop.kind, stop.address) == (StopKind.WATCHPOINT, counter)
        if fresh.arch.breakpoints.watch_before:
            _step_past(fresh, BreakpointKind.WRITE, counter, size)
        seen.append(fresh.number("counter"))
    assert seen == list(range(1, 11))


def _step_past(machine: Machine, kind: BreakpointKind, address: int, length: int) -> None:
    """As gdb does after a stop before the access: watch out, step, watch in."""
    machine.backend.remove(kind, address, length)
    machine.backend.step()
    machine.backend.insert(kind, address, length)


def test_one_that_is_removed_stops_nobody(fresh: Machine) -> None:
    watched = fresh.guest.symbol("watched")
    fresh.backend.insert(BreakpointKind.ACCESS, watched, 4)
    assert fresh.run().kind is StopKind.WATCHPOINT
    fresh.backend.remove(BreakpointKind.ACCESS, watched, 4)
    assert fresh.run().kind is StopKind.EXIT


def test_the_guest_prints_what_it_would_have_printed(fresh: Machine) -> None:
    """Every hit of a whole run, and the text at its end is that of an undisturbed one."""
    assert fresh.run().kind is StopKind.EXIT
    expected = bytes(fresh.printed)
    fresh.backend.reset()
    fresh.printed.clear()
    points = [
        (fresh.guest.symbol(name), fresh.guest.size(name)) for name in ("account", "watched", "observed")
    ]
    for address, length in points:
        fresh.backend.insert(BreakpointKind.ACCESS, address, length)
    hits = 0
    while (stop := fresh.run()).kind is StopKind.WATCHPOINT:
        hits += 1
        if fresh.arch.breakpoints.watch_before:
            for address, length in points:
                fresh.backend.remove(BreakpointKind.ACCESS, address, length)
            fresh.backend.step()
            for address, length in points:
                fresh.backend.insert(BreakpointKind.ACCESS, address, length)
    assert stop.kind is StopKind.EXIT
    assert hits > 20
    assert bytes(fresh.printed) == expected


def test_a_breakpoint_on_the_instruction_comes_first(fresh: Machine) -> None:
    """Both on one instruction: the breakpoint before it, then the watch."""
    access = accesses(fresh.guest.arch)[0]
    place(fresh, access, DATA)
    fresh.write(CODE, access.code * 2)
    second = CODE + len(access.code)
    fresh.backend.insert(BreakpointKind.SOFTWARE, second, 1)
    assert fresh.run().kind is StopKind.BREAKPOINT
    fresh.backend.insert(BreakpointKind.WRITE, DATA, 1)
    stop = fresh.run()
    assert (stop.kind, stop.address) == (StopKind.WATCHPOINT, DATA)


def test_a_byte_the_debugger_writes_is_no_hit(fresh: Machine) -> None:
    fresh.backend.insert(BreakpointKind.WRITE, fresh.guest.symbol("watched"), 4)
    fresh.set_number("watched", 5)
    stop = fresh.run()
    assert stop.kind is StopKind.WATCHPOINT
    if not fresh.arch.breakpoints.watch_before:
        assert fresh.number("watched") == 1


def test_one_that_is_gone_changes_nothing(fresh: Machine) -> None:
    """Whatever a backend leaves behind of it, each access is done once: many times over memory that was
    watched, with an instruction that must not be done twice.
    """
    times, size = 3000, 4 * 3001
    fresh.backend.insert(BreakpointKind.ACCESS, DATA, size)
    fresh.backend.remove(BreakpointKind.ACCESS, DATA, size)
    end = place_loop(fresh, times)
    fresh.run_to(end)
    assert loop_result(fresh) == times
