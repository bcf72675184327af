"""What is made of the trials' results."""

from __future__ import annotations

import pytest

from kvmgdb.arch.kvm import WORKS, Report
from kvmgdb_x86 import kvm_host
from kvmgdb_x86 import kvm_probe as probe

WHOLE = {trial.name: WORKS for trial in probe.TRIALS}
PARTIAL = WHOLE | {
    probe.int3("64"): probe.INTERNAL_ERROR,
    probe.int3("16"): probe.LEFT_TO_THE_GUEST,
    probe.write_watch(4): probe.NEVER,
    probe.BLOCK_INTERRUPTS: probe.NOT_OFFERED,
    probe.BREAKPOINT_BACK: probe.PUSHES_RIP,
    probe.GENERAL_DETECT: probe.NEVER,
}


def test_every_trial_has_a_name_of_its_own_and_says_what_it_asks() -> None:
    assert len(WHOLE) == len(probe.TRIALS)
    assert all(len(trial.summary.split()) > 3 for trial in probe.TRIALS)


def test_a_whole_host_needs_no_workaround() -> None:
    host = kvm_host.host_debug(WHOLE)
    assert {trap.report for trap in host.traps.values()} == {Report.DEBUG}
    assert host.watches
    assert host.executes
    assert host.step_control == probe.BLOCKIRQ
    assert host.warnings == ()
    assert kvm_host.pushes_after(WHOLE)
    assert kvm_host.detects(WHOLE)


def test_a_partial_host_gets_one_for_each_thing_it_lacks() -> None:
    host = kvm_host.host_debug(PARTIAL)
    assert {mode: (trap.code, trap.report) for mode, trap in host.traps.items()} == {
        "64": (b"\xcc", Report.INTERNAL_ERROR),
        "32": (b"\xcc", Report.DEBUG),
        "16": (b"\xf4", Report.HALT),
    }
    assert not host.watches
    assert host.step_control == 0
    assert not kvm_host.pushes_after(PARTIAL)
    assert not kvm_host.detects(PARTIAL)


def test_each_workaround_is_said() -> None:
    internal, halt, watch = kvm_host.host_debug(PARTIAL).warnings
    assert "64-bit mode" in internal
    assert "that is the hit" in internal
    assert "real mode" in halt
    assert "HLT" in halt
    assert "instructions a second" in watch


def test_an_int1_that_comes_out_is_better_than_a_halt() -> None:
    host = kvm_host.host_debug(PARTIAL | {probe.int1("16"): probe.INTERNAL_ERROR})
    assert (host.traps["16"].code, host.traps["16"].report) == (b"\xf1", Report.INTERNAL_ERROR)
    assert "INT3 in real mode is not reported: software breakpoints are INT1 there" in host.warnings


def test_a_step_with_extra_exits_is_a_step() -> None:
    host = kvm_host.host_debug(WHOLE | {probe.STEP: probe.EXTRA_EXITS})
    assert host.warnings == ()
    assert host.idle_exits == probe.MOST_IDLE_EXITS


def test_execution_breakpoints_that_never_fire_are_traps() -> None:
    host = kvm_host.host_debug(WHOLE | {probe.EXECUTION: probe.NEVER})
    assert not host.executes
    assert host.warnings == (
        "execution breakpoints do not work (never fires): traps in memory take their place",
    )


@pytest.mark.parametrize("name", [probe.STEP, probe.EXECUTION, probe.BREAKPOINT_BACK, probe.DEBUG_BACK])
def test_what_has_no_workaround_is_said_too(name: str) -> None:
    [warning] = kvm_host.host_debug(WHOLE | {name: "does not come back"}).warnings
    assert "does not come back" in warning
