"""How a guest ends or goes wrong: its exit device, a halt, exceptions, memory that is not there."""

from __future__ import annotations

import pytest

from kvmgdb.arch.stops import Signal, StopKind
from tests.support.guests import PPC, RISCV
from tests.support.machines import Machine

CRASHES = [
    ("x86:64", 1, StopKind.EXCEPTION, {Signal.FPE}),
    ("x86:32", 1, StopKind.EXCEPTION, {Signal.FPE}),
    ("x86:64", 2, StopKind.EXCEPTION, {Signal.ILL}),
    ("x86:32", 2, StopKind.EXCEPTION, {Signal.ILL}),
    ("x86:64", 3, StopKind.UNMAPPED, {Signal.BUS}),
    ("x86:32", 3, StopKind.UNMAPPED, {Signal.BUS}),
    ("x86:64", 4, StopKind.HALT, {Signal.STOP}),
    ("x86:32", 4, StopKind.HALT, {Signal.STOP}),
    ("x86:16", 4, StopKind.HALT, {Signal.STOP}),
    *((arch, 1, StopKind.EXCEPTION, {Signal.ILL}) for arch in PPC),
    *((arch, 2, StopKind.EXCEPTION, {Signal.TRAP}) for arch in PPC),
    *((arch, 1, StopKind.EXCEPTION, {Signal.ILL}) for arch in RISCV),
    *((arch, 2, StopKind.EXCEPTION, {Signal.TRAP}) for arch in RISCV),
    *((arch, 3, StopKind.UNMAPPED, {Signal.BUS}) for arch in RISCV),
    *((arch, 4, StopKind.HALT, {Signal.STOP}) for arch in RISCV),
]

REPORT = b"""counter = 1000
ticks = 1000
watched = 42
balance = 500
deposits = 4
mix(1, 2, 3, 4) = 57
factorial(10) = 3628800
goodbye
"""


def test_the_exit_device_ends_it_with_a_status(fresh: Machine) -> None:
    stop = fresh.run()
    assert (stop.kind, stop.status) == (StopKind.EXIT, 0)
    assert bytes(fresh.printed).startswith(b"kvmgdb sample guest (")
    assert bytes(fresh.printed).endswith(REPORT)


@pytest.mark.parametrize(("arch", "kind", "stop_kind", "signals"), CRASHES, scope="module")
def test_a_crash_is_a_stop_at_its_instruction(
    fresh: Machine, kind: int, stop_kind: StopKind, signals: set[Signal]
) -> None:
    fresh.backend.hand_back = lambda exception: False
    fresh.set_number("want_crash", kind)
    stop = fresh.run()
    assert stop.kind is stop_kind
    assert stop.signal in signals
    assert stop.pc == fresh.backend.pc()
    crash = fresh.guest.symbol("crash")
    assert crash <= stop.pc < crash + fresh.guest.size("crash")
    assert stop.reason


@pytest.mark.parametrize(("arch", "kind", "stop_kind", "signals"), CRASHES, scope="module")
def test_single_steps_find_the_same_crash(
    fresh: Machine, kind: int, stop_kind: StopKind, signals: set[Signal]
) -> None:
    fresh.backend.hand_back = lambda exception: False
    fresh.set_number("want_crash", kind)
    expected = fresh.run()
    fresh.backend.reset()
    fresh.set_number("want_crash", kind)
    fresh.run_to(fresh.guest.symbol("crash"))
    stop = fresh.backend.step()
    for _ in range(60):
        if stop.kind is not StopKind.STEP:
            break
        stop = fresh.backend.step()
    assert (stop.kind, stop.signal, stop.pc) == (expected.kind, expected.signal, expected.pc)


@pytest.mark.parametrize("arch", PPC, scope="module")
def test_an_unmapped_read_of_powerpc(fresh: Machine) -> None:
    """A core with its MMU on raises an exception; one without finds no memory."""
    fresh.backend.hand_back = lambda exception: False
    fresh.set_number("want_crash", 3)
    stop = fresh.run()
    assert stop.kind in (StopKind.EXCEPTION, StopKind.UNMAPPED)
    assert stop.signal in (Signal.SEGV, Signal.BUS)
    crash = fresh.guest.symbol("crash")
    assert crash <= stop.pc < crash + fresh.guest.size("crash")


def test_a_jump_to_nowhere(fresh: Machine) -> None:
    fresh.backend.hand_back = lambda exception: False
    fresh.backend.write_register(fresh.pc_register, 0xD000_0000)
    stop = fresh.run()
    assert stop.kind in (StopKind.EXCEPTION, StopKind.UNMAPPED)
    assert stop.signal in (Signal.SEGV, Signal.BUS)
    assert fresh.backend.pc() == 0xD000_0000
