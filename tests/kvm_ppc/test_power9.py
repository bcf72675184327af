"""State, memory, runs and exits on a POWER9 host's KVM (kvm-hv), and what it leaves to us."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import Signal, StopKind
from kvmgdb.backends.base import HitTest
from kvmgdb.backends.kvm.device import Device
from kvmgdb.backends.kvm.probe import measure
from kvmgdb.errors import MemoryFault, RspError
from kvmgdb_ppc.devices import CONSOLE, DEVICES, EXIT
from kvmgdb_ppc.instructions import TRAP
from kvmgdb_ppc.kvm import STEP, TRAP_WORD
from kvmgdb_ppc.kvm_book3s64 import EXECUTION, WATCH, Book3s64Kvm
from tests.kvm_ppc.conftest import ENTRY, MEMORY, StartGuest
from tests.support.machines import Machine

NOP, SPIN, HYPERCALL = 0x6000_0000, 0x4800_0000, 0x4400_0022
PROGRAM_VECTOR = 0x700
NOWHERE = 0x4000_0000


def _li(target: int, value: int) -> int:
    return 14 << 26 | target << 21 | value & 0xFFFF


def _stb(source: int, base: int, offset: int) -> int:
    return 38 << 26 | source << 21 | base << 16 | offset & 0xFFFF


def _lwz(target: int, base: int) -> int:
    return 32 << 26 | target << 21 | base << 16


def _stw(source: int, base: int) -> int:
    return 36 << 26 | source << 21 | base << 16


@pytest.fixture
def device() -> Iterator[Device]:
    """``/dev/kvm``."""
    made = Device()
    yield made
    made.close()


# -- what this host does ---------------------------------------------------------------------------------


def test_what_is_measured(device: Device) -> None:
    """kvm-hv's own trap word, and nothing else: if there is more some day, this says so."""
    found = measure(device, Book3s64Kvm("power9"), "ppc-test")
    assert found == {
        STEP: "does not stop",
        TRAP_WORD: "0x00dddd00",
        EXECUTION: "never fires",
        WATCH: "never fires",
    }


# -- state -----------------------------------------------------------------------------------------------


def test_the_start_state(start: StartGuest) -> None:
    machine = start(NOP)
    assert machine.backend.pc() == ENTRY
    assert machine.register("msr") >> 63 == 1
    assert {machine.register(f"r{index}") for index in range(32)} == {0}
    assert machine.register("pvr") >> 16 == 0x4E


WRITABLE = ("r0", "r1", "r31", "lr", "ctr", "srr0", "srr1", "sprg0", "sprg3", "dar", "f0", "f31")


def test_registers_are_what_was_written(start: StartGuest) -> None:
    machine = start(NOP)
    values = {name: 0x0123_4567_89AB_CD00 + index for index, name in enumerate(WRITABLE)}
    for name, value in values.items():
        machine.backend.write_register(name, value)
    assert {name: machine.register(name) for name in WRITABLE} == values


def test_the_guest_sees_them_too(start: StartGuest) -> None:
    """mr r4,r3; mflr r5; mfctr r6; mfsprg0 r7; mfdar r8"""
    machine = start(0x7C64_1B78, 0x7CA8_02A6, 0x7CC9_02A6, 0x7CF0_42A6, 0x7D13_02A6, NOP)
    for index, name in enumerate(("r3", "lr", "ctr", "sprg0", "dar")):
        machine.backend.write_register(name, 0x1000 + index)
    machine.run_to(ENTRY + 20)
    assert [machine.register(f"r{index}") for index in range(4, 9)] == [0x1000 + i for i in range(5)]


def test_a_register_that_cannot_be_written(start: StartGuest) -> None:
    with pytest.raises(RspError, match="pvr"):
        start(NOP).backend.write_register("pvr", 0)


# -- memory ----------------------------------------------------------------------------------------------


def test_memory_is_the_guests(start: StartGuest) -> None:
    """stw r4,0(r3)"""
    machine = start(_stw(4, 3), _lwz(5, 3), NOP)
    machine.write(0x8000, b"before!!")
    machine.backend.write_register("r3", 0x8000)
    machine.backend.write_register("r4", 0x1122_3344)
    machine.run_to(ENTRY + 8)
    assert machine.read(0x8000, 8) == b"\x11\x22\x33\x44re!!"
    assert machine.register("r5") == 0x1122_3344


def test_where_there_is_none(start: StartGuest) -> None:
    with pytest.raises(MemoryFault):
        start(NOP).backend.read_physical(MEMORY, 4)


def test_the_upper_bits_of_a_real_address_are_ignored(start: StartGuest) -> None:
    machine = start(NOP)
    machine.write(0xC000_0000_0000_8000, b"linear")
    assert machine.read(0x8000, 6) == b"linear"


# -- runs and breakpoints --------------------------------------------------------------------------------

KINDS = [BreakpointKind.SOFTWARE, BreakpointKind.HARDWARE]


@pytest.mark.parametrize("kind", KINDS)
def test_a_breakpoint_in_a_loop(start: StartGuest, kind: BreakpointKind) -> None:
    """addi r3,r3,1; nop; b .-8"""
    machine = start(0x3863_0001, NOP, 0x4BFF_FFF8)
    machine.backend.insert(kind, ENTRY + 4, 4)
    for turn in range(1, 5):
        stop = machine.run()
        assert (stop.kind, stop.pc, machine.register("r3")) == (StopKind.BREAKPOINT, ENTRY + 4, turn)
    assert machine.read(ENTRY + 4, 4) == NOP.to_bytes(4, "big")


def test_a_condition_is_asked_at_each_hit(start: StartGuest) -> None:
    machine = start(0x3863_0001, NOP, 0x4BFF_FFF8)
    test = HitTest(lambda: machine.register("r3") == 100, reads_registers=True)
    machine.backend.insert(BreakpointKind.SOFTWARE, ENTRY + 4, 4, test)
    assert machine.run().pc == ENTRY + 4
    assert machine.register("r3") == 100


def test_a_reset_keeps_it(start: StartGuest) -> None:
    machine = start(_li(3, 5), NOP, SPIN)
    machine.backend.insert(BreakpointKind.SOFTWARE, ENTRY + 4, 4)
    for _ in range(2):
        assert machine.run().pc == ENTRY + 4
        assert machine.register("r3") == 5
        machine.backend.reset()
        assert machine.register("r3") == 0


def test_ctrl_c(start: StartGuest) -> None:
    machine = start(NOP, SPIN)
    readable, writable = os.pipe()
    for _ in range(3):
        threading.Timer(0.2, os.write, (writable, b"!")).start()
        assert machine.backend.resume(readable, fresh=True) is None
        assert machine.backend.pc() == ENTRY + 4
        os.read(readable, 1)
    os.close(readable)
    os.close(writable)


# -- steps, made of traps --------------------------------------------------------------------------------


def test_steps_in_a_line(start: StartGuest) -> None:
    machine = start(_li(3, 1), _li(4, 2), _li(5, 3), SPIN)
    assert [machine.backend.step().pc - ENTRY for _ in range(3)] == [4, 8, 12]
    assert [machine.register(f"r{index}") for index in (3, 4, 5)] == [1, 2, 3]
    assert machine.read(ENTRY + 4, 4) == _li(4, 2).to_bytes(4, "big")


def test_steps_over_branches(start: StartGuest) -> None:
    """mtctr r3; bdnz .+8; nop; bl .+8; nop; blr; a branch to itself"""
    machine = start(0x7C69_03A6, 0x4200_0008, NOP, 0x4800_0009, SPIN, 0x4E80_0020)
    machine.backend.write_register("r3", 2)
    expected = [4, 0xC, 0x14, 0x10, 0x10]
    assert [machine.backend.step().pc - ENTRY for _ in expected] == expected
    assert machine.register("ctr") == 1


def test_a_step_from_and_onto_a_breakpoint(start: StartGuest) -> None:
    machine = start(NOP, NOP, NOP, SPIN)
    for address in (ENTRY, ENTRY + 4, ENTRY + 8):
        machine.backend.insert(BreakpointKind.SOFTWARE, address, 4)
    assert [machine.backend.step().pc - ENTRY for _ in range(3)] == [4, 8, 12]
    machine.backend.write_register("pc", ENTRY)
    assert machine.run().pc == ENTRY + 4


def test_a_trap_of_the_guests_own_is_its_own(start: StartGuest) -> None:
    machine = start(NOP, TRAP, NOP)
    machine.write(PROGRAM_VECTOR, struct.pack(">II", _li(9, 7), SPIN))
    machine.backend.insert(BreakpointKind.SOFTWARE, PROGRAM_VECTOR + 4, 4)
    stop = machine.run()
    assert (stop.pc, machine.register("r9")) == (PROGRAM_VECTOR + 4, 7)
    assert machine.register("srr0") == ENTRY + 4


def test_a_step_of_a_trap_gets_into_the_handler(start: StartGuest) -> None:
    machine = start(TRAP, NOP)
    machine.write(PROGRAM_VECTOR, struct.pack(">II", _li(9, 7), SPIN))
    assert machine.backend.step().pc == PROGRAM_VECTOR


def test_a_write_watchpoint_by_comparing(start: StartGuest) -> None:
    machine = start(NOP, _stw(4, 3), NOP, SPIN)
    machine.backend.write_register("r3", 0x8000)
    machine.backend.write_register("r4", 7)
    machine.backend.insert(BreakpointKind.WRITE, 0x8000, 4)
    stop = machine.run()
    assert (stop.kind, stop.address) == (StopKind.WATCHPOINT, 0x8003)


def test_a_read_watchpoint_is_refused(start: StartGuest) -> None:
    with pytest.raises(RspError, match="comparing memory finds no"):
        start(NOP).backend.insert(BreakpointKind.READ, 0x8000, 4)


# -- exits -----------------------------------------------------------------------------------------------


def _with_devices(machine: Machine) -> None:
    machine.backend.write_register("r3", DEVICES.start)


def test_the_console_and_the_exit_device(start: StartGuest) -> None:
    codes = [word for byte in b"hello\n" for word in (_li(4, byte), _stb(4, 3, CONSOLE))]
    machine = start(*codes, _li(4, 9), _stb(4, 3, EXIT), SPIN)
    _with_devices(machine)
    stop = machine.run()
    assert (stop.kind, stop.status) == (StopKind.EXIT, 9)
    assert bytes(machine.printed) == b"hello\n"


def test_a_write_where_no_memory_is(start: StartGuest) -> None:
    machine = start(_stw(4, 3), NOP, SPIN)
    machine.backend.write_register("r3", NOWHERE)
    stop = machine.run()
    assert (stop.kind, stop.signal, stop.address) == (StopKind.UNMAPPED, Signal.BUS, NOWHERE)


def test_a_read_where_no_memory_is(start: StartGuest) -> None:
    machine = start(_lwz(4, 3), NOP, SPIN)
    machine.backend.write_register("r3", NOWHERE)
    machine.backend.write_register("r4", 0x77)
    stop = machine.run()
    assert (stop.kind, stop.address) == (StopKind.UNMAPPED, NOWHERE)
    assert machine.register("r4") == 0x77


def test_a_hypercall_is_named(start: StartGuest) -> None:
    machine = start(_li(3, 0x58), HYPERCALL, SPIN)
    stop = machine.run()
    assert stop.kind is StopKind.SHUTDOWN
    assert "KVM_EXIT_PAPR_HCALL" in stop.reason
    assert "0x58" in stop.reason
