"""Guests that debug themselves, under a debugger: what is theirs reaches their handlers as if alone."""

from __future__ import annotations

import logging
import re
import struct

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import GuestException, StopKind
from kvmgdb.backends.base import GuestSetup
from kvmgdb.errors import RspError
from kvmgdb.loader import combine, read_image
from kvmgdb_x86 import kvm_probe as probe
from tests.kvm.conftest import ENTRY, HANDLERS, STACK, StartGuest, set_handler
from tests.support import kvm_host
from tests.support.guests import sample
from tests.support.machines import MEMORY, Machine, plugins

VARIANTS = ["64", "32", "16"]
DB, BP = 1, 3
HLT, NOP, INT3, INT1, IRET = (
    b"\xf4",
    b"\x90",
    b"\xcc",
    b"\xf1",
    {"64": b"\x48\xcf", "32": b"\xcf", "16": b"\xcf"},
)


def _pushed(machine: Machine) -> int:
    """The return address on top of the handler's stack."""
    size = {"64": 8, "32": 4, "16": 2}[machine.arch.id.variant]
    return int.from_bytes(machine.read(machine.register(machine.arch.registers.sp), size), "little")


def _run_to_handler(machine: Machine, vector: int) -> None:
    stop = machine.run()
    assert stop.kind is StopKind.HALT, stop
    assert stop.pc == HANDLERS + 16 * vector + 1


@pytest.mark.parametrize("breakpoints", [False, True], ids=["alone", "beside ours"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_an_int3_reaches_its_handler(start: StartGuest, variant: str, breakpoints: bool) -> None:
    machine = start(variant, NOP + INT3 + NOP + HLT)
    set_handler(machine, BP, HLT)
    if breakpoints:
        machine.backend.insert(BreakpointKind.SOFTWARE, ENTRY + 3, 1)
    _run_to_handler(machine, BP)
    assert _pushed(machine) == ENTRY + 2


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_guest_goes_on_after_its_handler(start: StartGuest, variant: str) -> None:
    machine = start(variant, INT3 * 5 + HLT)
    set_handler(machine, BP, IRET[variant])
    stop = machine.run()
    assert (stop.kind, stop.pc) == (StopKind.HALT, ENTRY + 6)
    assert machine.register(machine.arch.registers.sp) == STACK


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_step_of_an_int3_gets_into_the_handler(start: StartGuest, variant: str) -> None:
    """Where the processor itself delivers it, the trap flag is on the handler's stack and no longer set: the
    handler runs through.
    """
    machine = start(variant, INT3 + HLT)
    handler = set_handler(machine, BP, NOP * 4 + HLT)
    stop = machine.backend.step()
    if stop.kind is StopKind.STEP:
        assert handler <= stop.pc <= handler + 1
    else:
        assert (stop.kind, stop.pc) == (StopKind.HALT, handler + 5)


@pytest.mark.parametrize("kind", [None, BreakpointKind.SOFTWARE, BreakpointKind.HARDWARE])
@pytest.mark.parametrize("variant", ["64", "32"])
def test_an_int1_is_a_debug_exception(start: StartGuest, variant: str, kind: BreakpointKind | None) -> None:
    """Beside a hardware breakpoint of ours KVM leaves the guest to us, on Intel's processors on the INT1."""
    machine = start(variant, NOP + INT1 + NOP + HLT)
    set_handler(machine, DB, HLT)
    if kind is not None:
        machine.backend.insert(kind, ENTRY + 0x100, 1)
    _run_to_handler(machine, DB)
    assert _pushed(machine) == ENTRY + 2


@pytest.mark.parametrize("variant", ["64", "32"])
def test_an_int3_without_a_handler_is_the_debuggers(start: StartGuest, variant: str) -> None:
    machine = start(variant, NOP + INT3 + NOP + HLT)
    machine.backend.insert(BreakpointKind.SOFTWARE, ENTRY + 2, 1)
    stop = machine.run()
    assert (stop.kind, stop.instruction) == (StopKind.EXCEPTION, ENTRY + 1)
    assert "no handler" in stop.reason
    assert stop.pc == ENTRY + 2


@pytest.mark.parametrize("variant", ["64", "32"])
def test_a_policy_that_keeps_them_sees_each_once(start: StartGuest, variant: str) -> None:
    machine = start(variant, INT3 + NOP + INT3 + HLT)
    machine.backend.insert(BreakpointKind.SOFTWARE, ENTRY + 0x100, 1)
    machine.backend.hand_back = lambda exception: False
    assert [machine.run().instruction for _ in range(2)] == [ENTRY, ENTRY + 2]
    assert machine.run().kind is StopKind.HALT


def test_what_is_delivered_is_told(start: StartGuest) -> None:
    machine = start("64", INT3 + HLT)
    set_handler(machine, BP, HLT)
    machine.backend.insert(BreakpointKind.SOFTWARE, ENTRY + 0x100, 1)
    told: list[GuestException] = []
    machine.backend.on_delivered = told.append
    machine.run()
    assert [(exception.vector, exception.pc, exception.trap) for exception in told] == [(BP, ENTRY, True)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_breakpoint_of_ours_on_an_int3_of_the_guests(start: StartGuest, variant: str) -> None:
    """First ours, then, going on, the guest's."""
    machine = start(variant, NOP + INT3 + NOP + HLT)
    set_handler(machine, BP, HLT)
    machine.backend.insert(BreakpointKind.SOFTWARE, ENTRY + 1, 1)
    stop = machine.run()
    assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, ENTRY + 1)
    _run_to_handler(machine, BP)
    assert _pushed(machine) == ENTRY + 2


# -- the guest's own debug registers -------------------------------------------------------------------


def _write_dr(number: int, value: int) -> bytes:
    """mov eax, value; mov dr<number>, rax."""
    return b"\xb8" + struct.pack("<I", value) + bytes((0x0F, 0x23, 0xC0 | number << 3))


ARM = _write_dr(0, ENTRY + 0x40) + _write_dr(7, 0x402)
OWN = ARM.ljust(0x40, NOP) + NOP * 8 + HLT


def test_its_breakpoint_reaches_its_handler(start: StartGuest) -> None:
    machine = start("64", OWN)
    set_handler(machine, DB, HLT)
    _run_to_handler(machine, DB)
    assert _pushed(machine) == ENTRY + 0x40
    assert machine.register("dr6") & 0xF == 1
    assert (machine.register("dr0"), machine.register("dr7")) == (ENTRY + 0x40, 0x402)


def test_its_breakpoint_beside_ours(start: StartGuest) -> None:
    machine = start("64", OWN)
    set_handler(machine, DB, HLT)
    for address in (ENTRY + len(ARM), ENTRY + 0x30):
        machine.backend.insert(BreakpointKind.HARDWARE, address, 1)
    assert [machine.run().pc for _ in range(2)] == [ENTRY + len(ARM), ENTRY + 0x30]
    _run_to_handler(machine, DB)
    assert _pushed(machine) == ENTRY + 0x40
    assert machine.register("dr6") & 0xF == 1


def test_a_step_onto_its_breakpoint_reaches_its_handler(start: StartGuest) -> None:
    """Its debug registers are in force while it is stepped, and a hit exits to us: it is not ours."""
    machine = start("64", OWN)
    handler = set_handler(machine, DB, HLT)
    machine.backend.insert(BreakpointKind.SOFTWARE, ENTRY + 0x3F, 1)
    assert machine.run().pc == ENTRY + 0x3F
    for _ in range(3):
        stop = machine.backend.step()
        if stop.pc > ENTRY + 0x40:
            break
    assert handler <= stop.pc <= handler + 1
    assert _pushed(machine) == ENTRY + 0x40
    assert machine.register("dr6") & 1


def test_ours_never_show_in_what_the_guest_reads(start: StartGuest) -> None:
    reads = b"\x0f\x21\xc3" + b"\x0f\x21\xf9"  # mov rbx, dr0; mov rcx, dr7
    machine = start("64", NOP + reads + HLT)
    machine.backend.insert(BreakpointKind.HARDWARE, ENTRY + 1, 1)
    assert machine.run().pc == ENTRY + 1
    assert machine.run().kind is StopKind.HALT
    assert (machine.register("rbx"), machine.register("rcx")) == (0, 0x400)


def test_a_fifth_one_is_refused_by_name(start: StartGuest) -> None:
    machine = start("64", NOP * 8 + HLT)
    for index in range(4):
        machine.backend.insert(BreakpointKind.HARDWARE, ENTRY + index, 1)
    with pytest.raises(RspError, match=rf"DR0 holds a hardware breakpoint at {ENTRY:#x}"):
        machine.backend.insert(BreakpointKind.HARDWARE, ENTRY + 4, 1)


def test_a_slot_of_the_guests_is_not_ours_to_take(start: StartGuest) -> None:
    machine = start("64", OWN)
    machine.backend.write_register("dr0", ENTRY + 0x40)
    machine.backend.write_register("dr7", 0x402)
    for index in range(3):
        machine.backend.insert(BreakpointKind.HARDWARE, ENTRY + index, 1)
    with pytest.raises(RspError, match="DR0 holds a breakpoint of the guest's own"):
        machine.backend.insert(BreakpointKind.HARDWARE, ENTRY + 4, 1)


def test_ours_give_way_and_say_so(start: StartGuest, caplog: pytest.LogCaptureFixture) -> None:
    """Four of ours, and one of the guest's: the last of ours is a trap in memory, and hits all the same."""
    machine = start("64", ARM + NOP * 0x40 + HLT)
    for index in range(4):
        machine.backend.insert(BreakpointKind.HARDWARE, ENTRY + len(ARM) + index, 1)
    set_handler(machine, DB, HLT)
    for _ in range(4):
        machine.backend.step()  # the guest arms a breakpoint of its own
    with caplog.at_level(logging.WARNING):
        stop = machine.run()
    last = ENTRY + len(ARM) + 3
    assert f"a hardware breakpoint at {last:#x} is a trap in memory now" in caplog.text
    assert stop.pc == ENTRY + len(ARM) + 1
    assert [machine.run().pc for _ in range(2)] == [last - 1, last]
    assert machine.read(last, 1) == NOP
    machine.backend.remove(BreakpointKind.HARDWARE, last, 1)
    _run_to_handler(machine, DB)
    assert _pushed(machine) == ENTRY + 0x40


# -- INT n, and a guest that checks all of this itself ---------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_software_interrupt_reaches_its_handler(start: StartGuest, variant: str) -> None:
    machine = start(variant, NOP + b"\xcd\x21" + NOP + HLT)
    set_handler(machine, 0x21, HLT)
    _run_to_handler(machine, 0x21)
    assert _pushed(machine) == ENTRY + 3


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_int3_of_two_bytes(start: StartGuest, variant: str) -> None:
    machine = start(variant, b"\xcd\x03" + NOP + HLT)
    set_handler(machine, BP, HLT)
    _run_to_handler(machine, BP)
    assert _pushed(machine) == ENTRY + 2


CHECKS = {
    r"dr[123]-|tf-steps": kvm_host.WATCH,
    r"dr0-": (probe.EXECUTION,),
    r"icebp": (probe.int1("64"),),
}
"""The guest's checks, by their names, that need something of KVM's."""


@pytest.mark.parametrize("breakpoints", [False, True], ids=["alone", "under a debugger"])
def test_the_guest_that_checks_itself(breakpoints: bool) -> None:
    """What it finds wrong is what this host's debug registers do not do, debugger or not."""
    elf = sample("x86:64").folder / "selfdebug64.elf"
    images = combine((read_image(elf, None),), None)
    printed = bytearray()
    setup = GuestSetup(plugins().resolve("x86:64"), images, MEMORY, printed.append, {})
    backend = plugins().backends["kvm"].create(setup)
    try:
        machine = Machine(plugins().resolve("x86:64"), sample("x86:64"), backend, printed)
        if breakpoints:
            unused = images.entry + 0x10_0000
            backend.insert(BreakpointKind.SOFTWARE, unused, 1)
            backend.insert(BreakpointKind.HARDWARE, unused, 1)
        assert machine.run().kind is StopKind.EXIT
    finally:
        backend.close()
    lines = printed.decode().splitlines()
    wrong = [line for line in lines if line.startswith("FAIL")]
    lacking = [check for check, trials in CHECKS.items() if not all(map(kvm_host.has, trials))]
    assert [line for line in wrong if not any(re.match(f"FAIL ({check})", line) for check in lacking)] == []
    assert sum(line.startswith("PASS") for line in lines) >= 15
