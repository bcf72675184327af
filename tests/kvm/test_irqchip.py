"""Interrupt controllers and a timer in the kernel: guests that program the PIC and the PIT and count ticks.

Source of what they write: the 8259A and 8254 data sheets.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.kvm import KvmTrap, Report
from kvmgdb.arch.stops import Stop, StopKind
from kvmgdb.backends.kvm.backend import KvmBackend
from kvmgdb.server import NO_INSTRUCTION
from tests.kvm.conftest import ENTRY, HANDLERS, StartGuest, set_handler
from tests.support.machines import Machine

VARIANTS = ["64", "32", "16"]
TIMER = 0x20
"""The vector that the first PIC is told to begin with."""
COUNTER = 0x5000
TICKS = 20
MASKED = 0xFE
"""The first PIC's mask: the timer alone comes through."""
INTERRUPT_FLAG = 1 << 9
CLI, STI, NOP, HLT = b"\xfa", b"\xfb", b"\x90", b"\xf4"
IRET = {"64": b"\x48\xcf", "32": b"\xcf", "16": b"\xcf"}


def _out(port: int, value: int) -> bytes:
    return bytes((0xB0, value, 0xE6, port))


PICS = b"".join(
    _out(port, value)
    for port, value in (
        *((0x20, 0x11), (0x21, TIMER), (0x21, 4), (0x21, 1), (0x21, MASKED)),
        *((0xA0, 0x11), (0xA1, TIMER + 8), (0xA1, 2), (0xA1, 1), (0xA1, 0xFF)),
    )
)
PIT = _out(0x43, 0x34) + _out(0x40, 0xA9) + _out(0x40, 0x04)
"""Channel 0, rate generator, every 1193 of 1193182 Hz: a thousand times a second."""
SLOW_PIT = _out(0x43, 0x34) + _out(0x40, 0xFF) + _out(0x40, 0xFF)
"""Eighteen times a second, as slow as it gets."""
WAIT_FOR_EVER = HLT + b"\xeb\xfd"
IDLE = PICS + PIT + STI + WAIT_FOR_EVER


def _handler(variant: str) -> bytes:
    """Count; after :data:`TICKS` of them, end the guest with that status."""
    if variant == "16":
        count, compare = b"\xfe\x06" + struct.pack("<H", COUNTER), b"\x80\x3e" + struct.pack("<H", COUNTER)
    else:
        address = (b"\x04\x25" if variant == "64" else b"\x05") + struct.pack("<I", COUNTER)
        count, compare = b"\xfe" + address, b"\x80" + bytes((address[0] | 0x38,)) + address[1:]
    end = _out(0xF4, TICKS)
    restore = b"\x58" + IRET[variant]
    return b"\x50" + count + compare + bytes((TICKS, 0x72, len(end))) + end + _out(0x20, 0x20) + restore


def _with_timer(start: StartGuest, variant: str, code: bytes) -> Machine:
    """A guest that is told of every tick of the timer, once it has set one up."""
    machine = start(variant, code, irqchip=True)
    set_handler(machine, TIMER, _handler(variant))
    return machine


@contextmanager
def _pressed(seconds: float) -> Iterator[int]:
    """A debugger that presses Ctrl-C after so long."""
    readable, writable = os.pipe()
    timer = threading.Timer(seconds, os.write, (writable, b"!"))
    timer.start()
    try:
        yield readable
    finally:
        timer.cancel()
        timer.join()
        os.close(readable)
        os.close(writable)


def _step(machine: Machine) -> Stop | None:
    """A debugger's step, as the server makes it; None if it had to be interrupted."""
    assert machine.backend.may_wait
    with _pressed(0.2) as wake:
        return machine.backend.resume(wake, fresh=True, within=NO_INSTRUCTION)


def _waits(machine: Machine) -> bool:
    assert isinstance(machine.backend, KvmBackend)
    return machine.backend._vcpu.is_waiting()


def _with_halts_for_traps(machine: Machine) -> KvmBackend:
    """Its backend, as on a host that reports neither INT3 nor INT1."""
    backend = machine.backend
    assert isinstance(backend, KvmBackend)
    backend._runner._host = replace(backend._host, traps={"64": KvmTrap(HLT, Report.HALT, 1)})
    return backend


@pytest.mark.parametrize("variant", VARIANTS)
def test_ticks_of_the_timer_reach_the_guests_handler(start: StartGuest, variant: str) -> None:
    """It halts between them, in the kernel: no stop but the guest's own end."""
    machine = _with_timer(start, variant, IDLE)
    stop = machine.run()
    assert (stop.kind, stop.status) == (StopKind.EXIT, TICKS)
    assert machine.read(COUNTER, 1) == bytes((TICKS,))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_breakpoint_in_the_handler(start: StartGuest, variant: str) -> None:
    machine = _with_timer(start, variant, IDLE)
    handler = HANDLERS + 16 * TIMER
    machine.backend.insert(BreakpointKind.SOFTWARE, handler, 1)
    for ticks in range(3):
        assert machine.run().pc == handler
        assert machine.read(COUNTER, 1) == bytes((ticks,))
    machine.backend.remove(BreakpointKind.SOFTWARE, handler, 1)
    assert machine.run().kind is StopKind.EXIT


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_watchpoint_on_what_the_handler_counts(start: StartGuest, variant: str) -> None:
    """Found by steps and comparing, it is seen after all interrupts that come within a step: few come."""
    machine = _with_timer(start, variant, IDLE.replace(PIT, SLOW_PIT))
    machine.backend.insert(BreakpointKind.WRITE, COUNTER, 1)
    for ticks in range(1, 4):
        stop = machine.run()
        assert (stop.kind, stop.address) == (StopKind.WATCHPOINT, COUNTER)
        assert machine.read(COUNTER, 1) == bytes((ticks,))


@pytest.mark.parametrize("variant", VARIANTS)
def test_ctrl_c_ends_a_halt_that_nothing_else_would_end(start: StartGuest, variant: str) -> None:
    machine = start(variant, CLI + HLT + NOP, irqchip=True)
    for _ in range(3):
        with _pressed(0.05) as wake:
            assert machine.backend.resume(wake, fresh=True) is None
        assert machine.backend.pc() == ENTRY + 2


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_step_from_a_halt_waits_and_can_be_interrupted(start: StartGuest, variant: str) -> None:
    machine = start(variant, CLI + HLT + NOP * 2, irqchip=True)
    for pc in (ENTRY + 1, ENTRY + 2):
        assert not _waits(machine)
        stop = _step(machine)
        assert stop is not None
        assert stop.pc == pc
    for _ in range(3):
        assert _waits(machine)
        assert _step(machine) is None
        assert machine.backend.pc() == ENTRY + 2


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_step_from_a_halt_is_done_when_an_interrupt_comes(start: StartGuest, variant: str) -> None:
    """HLT with interrupts off does not wake: so they are switched on while it waits."""
    machine = _with_timer(start, variant, PICS + PIT + CLI + HLT + NOP * 2 + STI + WAIT_FOR_EVER)
    halt = ENTRY + len(PICS + PIT + CLI)
    machine.run_to(halt)
    assert machine.backend.step().pc == halt + 1
    assert _step(machine) is None
    machine.backend.write_register("eflags", machine.register("eflags") | INTERRUPT_FLAG)
    stop = _step(machine)
    assert stop is not None
    assert stop.pc == halt + 2
    assert machine.run().kind is StopKind.EXIT


def test_a_halt_behind_an_sti_can_be_interrupted(start: StartGuest) -> None:
    """Some processors make one step of both."""
    machine = start("64", STI + HLT + NOP, irqchip=True)
    stops = [_step(machine) for _ in range(3)]
    assert stops[-1] is None
    assert machine.backend.pc() == ENTRY + 2


def test_a_processor_that_is_sent_elsewhere_waits_no_more(start: StartGuest) -> None:
    machine = start("64", (CLI + HLT).ljust(0x40, NOP) + _out(0xF4, 3), irqchip=True)
    with _pressed(0.05) as wake:
        assert machine.backend.resume(wake, fresh=True) is None
    machine.backend.write_register("rip", ENTRY + 0x40)
    stop = machine.run()
    assert (stop.kind, stop.status) == (StopKind.EXIT, 3)


def test_a_reset_puts_them_back(start: StartGuest) -> None:
    """The mask that the guest has given the PIC is gone, and so is its timer."""
    read_mask = b"\xe4\x21" + b"\xeb\xfe"
    machine = _with_timer(start, "64", IDLE)
    with _pressed(0.05) as wake:
        machine.backend.resume(wake, fresh=True)
    machine.backend.reset()
    machine.write(ENTRY, read_mask)
    machine.backend.step()
    assert machine.register("rax") & 0xFF == 0
    machine.backend.reset()
    machine.write(ENTRY, PICS + read_mask)
    machine.run_to(ENTRY + len(PICS) + 2)
    assert machine.register("rax") & 0xFF == MASKED


def test_where_a_trap_is_a_halt_the_guest_runs_by_steps(start: StartGuest) -> None:
    """A halt would tell nobody."""
    machine = start("64", CLI + NOP * 4 + HLT, irqchip=True)
    backend = _with_halts_for_traps(machine)
    address = ENTRY + 3
    backend.insert(BreakpointKind.SOFTWARE, address, 1)
    stop = machine.run()
    assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, address)
    with _pressed(0.05) as wake:
        assert backend.resume(wake, fresh=True) is None
    assert _waits(machine)


def test_and_no_handler_halts_at_one(start: StartGuest) -> None:
    """Where an interrupt runs its handler whole in a step, the breakpoint in it is missed, and no more."""
    machine = _with_timer(start, "64", IDLE)
    backend = _with_halts_for_traps(machine)
    handler = HANDLERS + 16 * TIMER
    backend.insert(BreakpointKind.SOFTWARE, handler, 1)
    for _ in range(TICKS + 1):
        stop = machine.run()
        if stop.kind is StopKind.EXIT:
            break
        assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, handler)
    assert stop.status == TICKS


def test_without_them_a_halt_is_a_stop(start: StartGuest) -> None:
    machine = start("64", IDLE)
    assert machine.run().kind is StopKind.HALT
