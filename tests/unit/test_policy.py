"""Who sets a breakpoint, by preset and by kind."""

from dataclasses import replace

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.policy import (
    DEFAULT_PRESET,
    PRESETS,
    Decision,
    HardwareBreakpoints,
    OnDisconnect,
    SoftwareBreakpoints,
    UnclaimedExits,
    Watchpoints,
    decide_insert,
)

ACCEPT, PROMOTE, DECLINE = Decision.ACCEPT, Decision.PROMOTE, Decision.DECLINE
WATCHES = [kind for kind in BreakpointKind if kind.is_watch]

# preset -> what becomes of Z0, of Z1, and of Z2 to Z4
DECISIONS = {
    "transparent": (ACCEPT, ACCEPT, ACCEPT),
    "gdb-owned": (DECLINE, ACCEPT, ACCEPT),
    "minimal": (DECLINE, DECLINE, ACCEPT),
    "hardware": (PROMOTE, ACCEPT, ACCEPT),
    "catch-all": (ACCEPT, ACCEPT, ACCEPT),
}


def test_the_table_covers_every_preset() -> None:
    assert set(DECISIONS) == set(PRESETS)


@pytest.mark.parametrize("name", DECISIONS)
def test_what_a_preset_decides(name: str) -> None:
    policy = PRESETS[name].policy
    software, hardware, watch = DECISIONS[name]
    assert decide_insert(policy, BreakpointKind.SOFTWARE) is software
    assert decide_insert(policy, BreakpointKind.HARDWARE) is hardware
    assert {decide_insert(policy, kind) for kind in WATCHES} == {watch}


def test_watchpoints_can_be_refused() -> None:
    policy = replace(PRESETS["transparent"].policy, watchpoints=Watchpoints.REFUSE)
    assert {decide_insert(policy, kind) for kind in WATCHES} == {DECLINE}
    assert decide_insert(policy, BreakpointKind.HARDWARE) is ACCEPT


@pytest.mark.parametrize("name", PRESETS)
def test_only_catch_all_takes_the_exits_that_are_nobodys(name: str) -> None:
    expected = UnclaimedExits.GDB if name == "catch-all" else UnclaimedExits.GUEST
    assert PRESETS[name].policy.unclaimed_exits is expected


def test_the_default_lets_the_guest_run_when_the_debugger_is_gone() -> None:
    assert PRESETS[DEFAULT_PRESET].policy.on_disconnect is OnDisconnect.RUN


@pytest.mark.parametrize("name", PRESETS)
def test_a_guest_that_may_hold_traps_of_gdbs_waits_when_the_connection_breaks(name: str) -> None:
    policy = PRESETS[name].policy
    if policy.software_breakpoints is SoftwareBreakpoints.GDB:
        assert policy.on_disconnect is OnDisconnect.PAUSE


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_knows_its_name_says_when_to_use_it_and_stands(name: str) -> None:
    preset = PRESETS[name]
    assert preset.policy.preset == name
    assert preset.use.endswith(".")
    assert preset.policy.contradiction is None


def test_promoting_to_a_kind_that_is_refused_is_a_contradiction() -> None:
    policy = replace(PRESETS["hardware"].policy, hardware_breakpoints=HardwareBreakpoints.REFUSE)
    assert policy.contradiction == (
        "software_breakpoints: hardware makes every Z0 a hardware breakpoint, "
        "but hardware_breakpoints: refuse turns those away"
    )
