"""Single steps: one instruction each, whatever else is armed."""

from __future__ import annotations

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import StopKind
from tests.support.accesses import CODE, nop
from tests.support.machines import Machine


def test_a_step_is_one_instruction(fresh: Machine) -> None:
    code = nop(fresh.guest.arch)
    fresh.write(CODE, code * 50)
    fresh.backend.write_register(fresh.pc_register, CODE)
    for count in range(1, 51):
        stop = fresh.backend.step()
        assert stop.kind is StopKind.STEP
        assert stop.pc == fresh.backend.pc() == CODE + count * len(code)


def test_steps_and_a_run_get_to_the_same_state(fresh: Machine) -> None:
    target = fresh.guest.symbol("print")
    fresh.run_to(target)
    expected = fresh.registers()
    fresh.backend.reset()
    for _ in range(5000):
        fresh.backend.step()
        if fresh.backend.pc() == target:
            break
    assert fresh.registers() == expected


def test_a_step_passes_a_breakpoint_at_the_pc(fresh: Machine) -> None:
    code = nop(fresh.guest.arch)
    fresh.write(CODE, code * 8)
    fresh.backend.write_register(fresh.pc_register, CODE)
    fresh.backend.insert(BreakpointKind.SOFTWARE, CODE, 1)
    assert fresh.backend.step().pc == CODE + len(code)


def test_a_step_onto_a_breakpoint_does_not_execute_it(fresh: Machine) -> None:
    code = nop(fresh.guest.arch)
    fresh.write(CODE, code * 8)
    fresh.backend.write_register(fresh.pc_register, CODE)
    fresh.backend.insert(BreakpointKind.SOFTWARE, CODE + len(code), 1)
    assert fresh.backend.step().pc == CODE + len(code)
    assert fresh.backend.pc() == CODE + len(code)


def test_a_run_after_steps_still_stops_at_breakpoints(fresh: Machine) -> None:
    target = fresh.guest.symbol("deposit")
    fresh.backend.insert(BreakpointKind.SOFTWARE, target, 1)
    for _ in range(100):
        fresh.backend.step()
    stop = fresh.run()
    assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, target)
