"""Exits and steps of the backend that no sample guest has."""

from __future__ import annotations

import os
import struct
import threading
from dataclasses import replace

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import Signal, StopKind
from kvmgdb.backends.kvm.backend import KvmBackend
from kvmgdb_x86 import modes
from tests.kvm.conftest import ENTRY, StartGuest, set_handler
from tests.support.machines import Machine
from tests.support.work import work_of

HLT, NOP = b"\xf4", b"\x90"
NOWHERE = 0xC000_0000


@pytest.mark.parametrize("variant", ["64", "32"])
def test_a_read_where_no_memory_is_stops_at_it_each_time(start: StartGuest, variant: str) -> None:
    machine = start(variant, b"\xb8\x11\0\0\0" + b"\x8b\x07" + HLT)
    machine.backend.write_register("rdi" if variant == "64" else "edi", NOWHERE)
    for _ in range(3):
        stop = machine.run()
        assert (stop.kind, stop.signal, stop.address) == (StopKind.UNMAPPED, Signal.BUS, NOWHERE)
        assert stop.pc == ENTRY + 5
        assert machine.register("rax" if variant == "64" else "eax") == 0x11


def test_a_write_where_no_memory_is_stops_and_goes_on(start: StartGuest) -> None:
    machine = start("64", b"\x89\x07" + HLT)
    machine.backend.write_register("rdi", NOWHERE)
    stop = machine.run()
    assert (stop.kind, stop.address) == (StopKind.UNMAPPED, NOWHERE)
    assert f"{NOWHERE:#x}" in stop.reason
    assert machine.run().kind is StopKind.HALT


def test_a_read_there_of_sixteen_bytes_ends_too(start: StartGuest) -> None:
    machine = start("64", b"\x0f\x10\x07" + HLT)  # movups xmm0, [rdi]
    machine.backend.write_register("rdi", NOWHERE)
    stop = machine.run()
    assert (stop.kind, stop.pc) == (StopKind.UNMAPPED, ENTRY)


def test_executing_where_no_memory_is(start: StartGuest) -> None:
    machine = start("64", HLT)
    machine.backend.write_register("rip", NOWHERE)
    stop = machine.run()
    assert (stop.kind, stop.pc, stop.address) == (StopKind.UNMAPPED, NOWHERE, NOWHERE)


def test_a_triple_fault_says_so(start: StartGuest) -> None:
    machine = start("64", NOP + b"\x0f\x0b")
    stop = machine.run()
    assert (stop.kind, stop.signal) == (StopKind.SHUTDOWN, Signal.ABRT)
    assert "KVM_EXIT_SHUTDOWN" in stop.reason
    assert "triple fault" in stop.reason


def test_sse_arithmetic(start: StartGuest) -> None:
    machine = start("64", b"\xb8\x05\0\0\0" + b"\xf2\x0f\x2a\xc0" + HLT)  # cvtsi2sd xmm0, eax
    assert machine.run().kind is StopKind.HALT
    assert machine.register("xmm0") == struct.unpack("<Q", struct.pack("<d", 5.0))[0]


def test_what_kvm_cannot_execute_is_named(start: StartGuest) -> None:
    """Where it can, there is nothing to name: the guest ends at its HLT."""
    machine = start("64", b"\xf2\x0f\x2a\xc0" + HLT)
    stop = machine.run()
    if stop.kind is not StopKind.HALT:
        assert (stop.kind, stop.signal, stop.pc) == (StopKind.SHUTDOWN, Signal.ILL, ENTRY)
        assert "f2 0f 2a c0" in stop.reason


def test_ports_without_a_device_read_as_ones(start: StartGuest) -> None:
    machine = start("64", b"\xe4\x42" + b"\x66\xe5\x42" + HLT)
    machine.backend.write_register("rax", 0)
    assert machine.backend.step().pc == ENTRY + 2
    assert machine.register("rax") == 0xFF
    assert machine.backend.step().pc == ENTRY + 5
    assert machine.register("rax") == 0xFFFF


@pytest.mark.parametrize("variant", ["64", "32", "16"])
def test_a_string_of_output_is_printed_once(start: StartGuest, variant: str) -> None:
    machine = start(variant, b"\xf3\x6e" + HLT)  # rep outsb
    text = b"hello, world"
    machine.write(0x5000, text)
    names = ("rsi", "rcx", "rdx") if variant == "64" else ("esi", "ecx", "edx")
    for name, value in zip(names, (0x5000, len(text), 0xE9), strict=True):
        machine.backend.write_register(name, value)
    assert machine.run().kind is StopKind.HALT
    assert bytes(machine.printed) == text


def test_steps_print_each_byte_once(start: StartGuest) -> None:
    machine = start("64", b"\xb0A\xe6\xe9\xb0B\xe6\xe9" + HLT)
    assert [machine.backend.step().pc - ENTRY for _ in range(4)] == [2, 4, 6, 8]
    assert bytes(machine.printed) == b"AB"
    stop = machine.backend.step()
    assert stop.kind is StopKind.HALT, stop


def test_steps_go_on_after_the_guest_has_loaded_its_flags(start: StartGuest) -> None:
    """POPF takes the processor's trap flag away, which was ours."""
    code = b"\x9c" + b"\x9d" + NOP * 3 + b"\x68\x02\0\0\0" + b"\x9d" + NOP * 3 + HLT
    machine = start("64", code)
    expected = [1, 2, 3, 4, 5, 10, 11, 12, 13, 14]
    assert [machine.backend.step().pc - ENTRY for _ in expected] == expected
    assert machine.register("eflags") & 0x100 == 0


def test_steps_go_on_after_an_iret(start: StartGuest) -> None:
    machine = start("64", NOP * 5 + HLT)
    machine.write(0x7000, b"\x48\xcf")
    machine.backend.write_register("rip", 0x7000)
    stack = machine.register("rsp")
    frame = (ENTRY + 3, machine.register("cs"), 0x2, stack, machine.register("ss"))
    machine.write(stack, struct.pack("<5Q", *frame))
    first, *others = [machine.backend.step().pc - ENTRY for _ in range(2)]
    assert first in (3, 4)  # some hosts report the step of an IRET after the instruction it returns to
    assert others == [first + 1]


@pytest.mark.parametrize("variant", ["64", "32", "16"])
def test_a_guest_that_spins_with_interrupts_off_is_left(start: StartGuest, variant: str) -> None:
    machine = start(variant, b"\xfa\xeb\xfe")
    readable, writable = os.pipe()
    threading.Timer(0.05, os.write, (writable, b"!")).start()
    assert machine.backend.resume(readable, fresh=True) is None
    assert machine.backend.pc() == ENTRY + 1
    os.close(readable)
    os.close(writable)


def test_no_wake_up_is_lost(start: StartGuest) -> None:
    """Whenever it comes: before, while and after the processor goes into the guest."""
    machine = start("64", b"\xfb\xeb\xfe")
    readable, writable = os.pipe()
    for count in range(300):
        waker = threading.Timer(count * 2e-6, os.write, (writable, b"!"))
        waker.start()
        assert machine.backend.resume(readable, fresh=True) is None
        waker.join()
        assert os.read(readable, 10) == b"!"
    os.close(readable)
    os.close(writable)


def test_a_trap_the_guest_writes_over_is_its_own(start: StartGuest) -> None:
    """mov byte [0x1010], CLD; jmp: what is read there is the guest's, and stays when ours is taken out."""
    target, cld = ENTRY + 0x10, b"\xfc"
    code = (b"\xc6\x04\x25" + struct.pack("<I", target) + cld + b"\xeb\0").ljust(0x10, NOP) + NOP * 4 + HLT
    machine = start("64", code)
    machine.backend.insert(BreakpointKind.SOFTWARE, target, 1)
    stop = machine.run()
    assert (stop.kind, stop.pc) == (StopKind.HALT, ENTRY + len(code))
    assert machine.read(target, 1) == cld
    machine.backend.remove(BreakpointKind.SOFTWARE, target, 1)
    assert machine.read(target, 1) == cld


def test_traps_follow_the_mode(start: StartGuest) -> None:
    """From real mode to protected mode with a breakpoint in each."""
    gdt = struct.pack("<QQQ", 0, 0x00CF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF)
    real = (
        b"\x90"
        + b"\x66\x0f\x01\x16\x80\x10"  # lgdt [0x1080]
        + b"\x0f\x20\xc0\x0c\x01\x0f\x22\xc0"  # mov eax, cr0; or al, 1; mov cr0, eax
        + b"\xea\x40\x10\x08\x00"  # jmp 8:0x1040
    )
    code = real.ljust(0x40, NOP) + NOP * 4 + HLT
    code = code.ljust(0x80, b"\0") + struct.pack("<HI", len(gdt) - 1, ENTRY + 0x90)
    code = code.ljust(0x90, b"\0") + gdt
    machine = start("16", code)
    for address in (ENTRY + 1, ENTRY + 0x42):
        machine.backend.insert(BreakpointKind.SOFTWARE, address, 1)
    assert machine.run().pc == ENTRY + 1
    stop = machine.run()
    assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, ENTRY + 0x42)
    assert machine.read(ENTRY + 0x40, 5) == NOP * 4 + HLT
    assert machine.run().kind is StopKind.HALT


ALIAS = 0x4000_0000
"""A second address for the start of memory, once :func:`_alias` has mapped it."""


def _alias(machine: Machine) -> None:
    directory = modes.PAGE_TABLES + 0x3000  # of the second gigabyte, in the start-up tables
    machine.backend.write_physical(directory, (0x83).to_bytes(8, "little"))


def test_a_trap_reached_by_another_address_stops_nobody(start: StartGuest) -> None:
    machine = start("64", NOP * 4 + HLT)
    _alias(machine)
    machine.backend.insert(BreakpointKind.SOFTWARE, ENTRY + 2, 1)
    machine.backend.write_register("rip", ALIAS + ENTRY)
    stop = machine.run()
    assert (stop.kind, stop.pc) == (StopKind.HALT, ALIAS + ENTRY + 5)
    machine.backend.write_register("rip", ENTRY)
    assert machine.run().pc == ENTRY + 2


def test_steps_over_it_are_one_instruction_each(start: StartGuest) -> None:
    machine = start("64", NOP * 4 + HLT)
    _alias(machine)
    machine.backend.insert(BreakpointKind.SOFTWARE, ENTRY + 2, 1)
    machine.backend.write_register("rip", ALIAS + ENTRY)
    steps = [machine.backend.step().pc - ALIAS - ENTRY for _ in range(4)]
    assert steps == [1, 2, 3, 4], steps


@pytest.mark.parametrize("variant", ["64", "32", "16"])
def test_a_breakpoint_on_a_halt_of_the_guests(start: StartGuest, variant: str) -> None:
    machine = start(variant, NOP + HLT)
    machine.backend.insert(BreakpointKind.SOFTWARE, ENTRY + 1, 1)
    kinds = [machine.run().kind for _ in range(2)]
    assert kinds == [StopKind.BREAKPOINT, StopKind.HALT]


def test_a_page_table_that_changes_under_steps(start: StartGuest) -> None:
    """mov cr3, rax in the middle: the code looked at for the steps is that of the new tables."""
    machine = start("64", b"\x0f\x20\xd8" + b"\x0f\x22\xd8" + NOP * 2 + HLT)
    expected = [3, 6, 7, 8]
    assert [machine.backend.step().pc - ENTRY for _ in expected] == expected
    assert machine.backend.step().kind is StopKind.HALT


def test_traps_take_the_place_of_execution_breakpoints(start: StartGuest) -> None:
    """As on a host whose debug registers stop nobody; a software one at the same address is another."""
    machine = start("64", NOP * 4 + HLT)
    backend = machine.backend
    assert isinstance(backend, KvmBackend)
    backend._host = replace(backend._host, executes=False)
    for kind in (BreakpointKind.HARDWARE, BreakpointKind.SOFTWARE):
        backend.insert(kind, ENTRY + 2, 1)
    assert not backend._hardware
    backend.remove(BreakpointKind.SOFTWARE, ENTRY + 2, 1)
    assert machine.run().pc == ENTRY + 2
    backend.remove(BreakpointKind.HARDWARE, ENTRY + 2, 1)
    backend.write_register("rip", ENTRY)
    assert machine.run().kind is StopKind.HALT


@pytest.mark.parametrize("variant", ["64", "32", "16"])
def test_a_halt_that_is_stepped_halts_once(start: StartGuest, variant: str) -> None:
    machine = start(variant, HLT + NOP * 3 + HLT)
    stop = machine.backend.step()
    assert (stop.kind, stop.pc) == (StopKind.HALT, ENTRY + 1)
    stop = machine.run()
    assert (stop.kind, stop.pc) == (StopKind.HALT, ENTRY + 5)


def test_a_step_into_a_handler_with_a_breakpoint(start: StartGuest) -> None:
    """The handler is entered within the step, and the trap at its start is the debugger's."""
    machine = start("64", NOP + b"\x0f\x0b" + HLT)
    handler = set_handler(machine, 6, NOP + HLT)
    machine.backend.insert(BreakpointKind.SOFTWARE, handler, 1)
    machine.backend.step()
    assert machine.backend.step().pc == handler
    assert machine.run().pc == handler + 2


@pytest.mark.parametrize("code", [b"\xfb", b"\x8e\xd0"], ids=["sti", "mov ss, ax"])
def test_a_step_over_what_holds_a_step_off(start: StartGuest, code: bytes) -> None:
    """STI and MOV SS let the next instruction run too, on a processor; KVM's emulator may not."""
    machine = start("64", code + NOP * 4 + HLT)
    machine.backend.write_register("rax", machine.register("ss"))
    first = machine.backend.step().pc - ENTRY
    assert first in (len(code), len(code) + 1)
    assert machine.backend.step().pc - ENTRY == first + 1


@pytest.mark.parametrize("kind", [BreakpointKind.SOFTWARE, BreakpointKind.HARDWARE])
def test_addresses_are_linear(start: StartGuest, kind: BreakpointKind) -> None:
    """In a code segment that does not begin at 0; its privilege bits are 0, as Bochs wants them."""
    machine = start("16", NOP * 4 + HLT)
    machine.backend.write_register("cs", (ENTRY - 0x40) >> 4)
    machine.backend.write_register("eip", 0x40)
    assert machine.backend.pc() == ENTRY
    assert machine.backend.step().pc == ENTRY + 1
    machine.backend.insert(kind, ENTRY + 3, 1)
    stop = machine.run()
    assert (stop.kind, stop.pc, machine.register("eip")) == (StopKind.BREAKPOINT, ENTRY + 3, 0x43)
    assert machine.run().pc == ENTRY + 5


@pytest.mark.parametrize("kind", [BreakpointKind.SOFTWARE, BreakpointKind.HARDWARE])
def test_a_reset_loses_nothing_that_is_set(start: StartGuest, kind: BreakpointKind) -> None:
    machine = start("64", NOP * 4 + HLT)
    machine.backend.insert(kind, ENTRY + 2, 1)
    for _ in range(2):
        assert machine.run().pc == ENTRY + 2
        machine.backend.reset()
    machine.backend.remove(kind, ENTRY + 2, 1)
    assert machine.run().kind is StopKind.HALT


def _repeat_exits(machine: Machine, count: int) -> KvmBackend:
    """Before each entry the last exit comes ``count`` times more, without the guest having moved: what nested
    hosts do where a page is touched for the first time, or KVM has executed the instruction itself.
    """
    backend = machine.backend
    assert isinstance(backend, KvmBackend)
    backend._runner._host = replace(backend._host, idle_exits=count)
    enter, left = backend._vcpu.run, [count]

    def run() -> int:
        if left[0]:
            left[0] -= 1
            reason: int = backend._vcpu.shared.exit_reason
            return reason
        left[0] = count
        return enter()

    backend._vcpu.run = run  # type: ignore[method-assign]
    return backend


def test_a_step_goes_on_until_something_has_happened(start: StartGuest) -> None:
    machine = start("64", NOP * 6 + HLT)
    machine.backend.step()
    backend = _repeat_exits(machine, 4)
    assert [backend.step().pc - ENTRY for _ in range(3)] == [2, 3, 4]


def test_a_step_that_is_told_of_twice_is_not_the_guests(start: StartGuest) -> None:
    """Its handler of debug exceptions would be called for it."""
    machine = start("64", NOP * 6 + HLT)
    machine.backend.step()
    _repeat_exits(machine, 1)
    stop = machine.run()
    assert (stop.kind, stop.pc) == (StopKind.HALT, ENTRY + 7)


@pytest.mark.parametrize("variant", ["64", "16"])
def test_going_on_from_a_breakpoint_is_as_much_work_with_many_set(start: StartGuest, variant: str) -> None:
    """What gdb does for it: step off it, set it again, go on to it, take it out."""
    loop, spare = ENTRY + 1, ENTRY + 0x10
    machine = start(variant, NOP * 3 + b"\xeb\xfc" + NOP * 0x1000)
    backend = machine.backend

    def cycle() -> None:
        backend.step()
        backend.insert(BreakpointKind.SOFTWARE, loop, 1)
        assert machine.run().pc == loop
        backend.remove(BreakpointKind.SOFTWARE, loop, 1)

    def work(count: int) -> int:
        for index in range(count):
            backend.insert(BreakpointKind.SOFTWARE, spare + index, 1)
        cycle()
        return min(work_of(cycle) for _ in range(3))

    few = work(20)
    assert work(2000) < few + 100


def test_a_breakpoint_that_a_reset_leaves_without_memory_can_be_set_again(start: StartGuest) -> None:
    """One that the guest's own page tables have led to memory; another stays."""
    low, high = ENTRY + 1, NOWHERE + ENTRY + 2
    root, upper, middle = 0x10_0000, 0x10_1000, 0x10_2000
    entries = {root: upper | 3, upper: middle | 3, upper + 8 * (NOWHERE >> 30): middle | 3, middle: 0x83}
    machine = start("64", NOP * 4 + HLT)
    backend = machine.backend

    def use_tables() -> None:
        for address, entry in entries.items():
            machine.write(address, struct.pack("<Q", entry))
        backend.write_register("cr3", root)

    use_tables()
    for address in (low, high):
        backend.insert(BreakpointKind.SOFTWARE, address, 1)
    backend.reset()
    assert machine.run().pc == low
    use_tables()
    backend.insert(BreakpointKind.SOFTWARE, high, 1)
    backend.write_register("rip", NOWHERE + ENTRY + 1)
    assert machine.run().pc == high
