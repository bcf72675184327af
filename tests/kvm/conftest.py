"""A guest of a few instructions on this host's KVM, with a debugger's breakpoints; or bare, for payloads."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from kvmgdb.arch.kvm import KvmMachine
from kvmgdb.backends.base import GuestSetup
from kvmgdb.backends.kvm.device import Device
from kvmgdb.backends.kvm.probe import TrialBench
from kvmgdb.loader import LoadedImages
from kvmgdb_x86 import kvm_probe as probe
from kvmgdb_x86 import kvm_structs, modes
from kvmgdb_x86.kvm import X86Kvm
from tests.support import interrupts, kvm_host
from tests.support.guests import sample
from tests.support.kvm_host import REPORTED, Need
from tests.support.machines import LIMIT, MEMORY, Machine, plugins

interrupts.restore()  # where this folder is run alone, in a test machine, nobody else does

ENTRY = 0x1000
HANDLERS = 0x7000
"""The handler of vector n is at 16 * n behind this."""
STACK = 0x9000
_TABLE = 0x6000
_INTERRUPT_GATE = 0x8E

NEEDS = (
    Need(
        r"test_execution_breakpoint_in|test_(its|a_step_onto_its)_breakpoint|test_ours_give_way"
        r"|test_a_(fifth|slot)",
        (probe.EXECUTION,),
        "it needs execution breakpoints",
    ),
    Need(r"test_data_watch.*\[.*-1-", (probe.write_watch(1),), "it watches a byte"),
    Need(r"test_data_watch.*\[.*-2-", (probe.write_watch(2),), "it watches two bytes"),
    Need(r"test_data_watch.*\[.*-4-", (probe.write_watch(4),), "it watches four bytes"),
    Need(r"test_data_watch.*\[.*-8-", (probe.write_watch(8),), "it watches eight bytes"),
    Need(r"test_a_load_is_an_access", (probe.ACCESS,), "it watches a load"),
    Need(r"test_general_detect", (probe.GENERAL_DETECT,), "it needs DR7.GD"),
    Need(r"test_software_breakpoint_payload.*\[64", (probe.int3("64"),), "it reads the payload of an INT3"),
    Need(r"test_software_breakpoint_payload.*\[32", (probe.int3("32"),), "it reads the payload of an INT3"),
    Need(r"test_software_breakpoint_payload.*\[16", (probe.int3("16"),), "it reads the payload of an INT3"),
    Need(
        r"test_(an_int3_without|a_policy_that_keeps).*\[64|test_what_is_delivered",
        (probe.int3("64"),),
        "an INT3 of the guest's is seen",
        REPORTED,
    ),
    Need(
        r"test_(an_int3_without|a_policy_that_keeps).*\[32",
        (probe.int3("32"),),
        "an INT3 of the guest's is seen",
        REPORTED,
    ),
    *(
        Need(
            rf"test_a_breakpoint_in_the_handler\[{mode}",
            (probe.int3(mode), probe.int1(mode)),
            "an interrupt that comes within a step runs its handler, where a HLT tells nobody",
            REPORTED,
            one=True,
        )
        for mode in probe.MODES
    ),
    Need(
        r"test_a_policy_that_leaves_traps",
        (probe.int3("64"),),
        "gdb's own INT3 is seen",
        REPORTED,
    ),
    Need(r"test_an_int1.*\[64", (probe.int1("64"),), "it executes INT1", REPORTED),
    Need(r"test_an_int1.*\[32", (probe.int1("32"),), "it executes INT1", REPORTED),
    Need(r"test_the_guest_goes_on_after_its_handler\[32", (probe.IRET,), "its handler returns"),
    Need(
        r"test_(ticks_of|a_breakpoint_in_the_handler|a_watchpoint_on_what|a_step_from_a_halt_is|no_trap_flag_comes)"
        r".*\[32",
        (probe.IRET,),
        "its handler returns",
    ),
    Need(r"test_sse_arithmetic", (probe.SSE,), "it computes with SSE"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, where there is no KVM; expect what this host's cannot do."""
    here = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    if kvm_host.unavailable():
        for item in here:
            item.add_marker(pytest.mark.skip(reason=kvm_host.unavailable()))
    kvm_host.expect(here, NEEDS)


class StartGuest(Protocol):
    """Starts a guest of a few instructions, with the backend's own options."""

    def __call__(self, variant: str, code: bytes, **options: object) -> Machine: ...


@pytest.fixture
def start() -> Iterator[StartGuest]:
    """``start("64", code)``: a guest at its entry, on the backend."""
    with ExitStack() as stack:

        def make(variant: str, code: bytes, **options: object) -> Machine:
            return stack.enter_context(_guest(variant, code, options))

        yield make


@contextmanager
def _guest(variant: str, code: bytes, options: Mapping[str, object]) -> Iterator[Machine]:
    arch = plugins().resolve(f"x86:{variant}")
    printed = bytearray()
    images = LoadedImages(((ENTRY, code),), ENTRY)
    backend = plugins().backends["kvm"].create(GuestSetup(arch, images, MEMORY, printed.append, options))
    try:
        machine = Machine(arch, sample(f"x86:{variant}"), backend, printed)
        backend.write_register(arch.registers.sp, STACK)
        yield machine
    finally:
        backend.close()


def set_handler(machine: Machine, vector: int, code: bytes) -> int:
    """Give the guest a handler; its address."""
    variant, address = machine.arch.id.variant, HANDLERS + 16 * vector
    machine.write(address, code)
    if variant == "16":
        machine.write(4 * vector, struct.pack("<HH", address, 0))
        return address
    if variant == "32":
        gate = struct.pack("<HHBBH", address, modes.CODE_32, 0, _INTERRUPT_GATE, 0)
    else:
        gate = struct.pack("<HHBBHII", address, modes.CODE_64, 0, _INTERRUPT_GATE, 0, 0, 0)
    machine.write(_TABLE + len(gate) * vector, gate)
    machine.backend.write_register("idtr_base", _TABLE)
    machine.backend.write_register("idtr_limit", 0xFFF)
    return address


class _WithInterrupts(X86Kvm):
    """A machine with an APIC in the kernel."""

    def set_up_machine(self, machine: KvmMachine) -> None:
        super().set_up_machine(machine)
        machine.call(kvm_structs.KVM_CREATE_IRQCHIP)


@contextmanager
def _bench(port: X86Kvm) -> Iterator[TrialBench]:
    device = Device()
    over, other_end = os.pipe()
    alarm = threading.Timer(LIMIT, os.write, (other_end, b"!"))
    alarm.start()
    made = TrialBench(device, port, over)
    try:
        yield made
    finally:
        alarm.cancel()
        alarm.join()
        made.close()
        device.close()
        os.close(over)
        os.close(other_end)


@pytest.fixture
def bench() -> Iterator[TrialBench]:
    """A processor without a backend: control bits in, payloads out."""
    with _bench(X86Kvm()) as made:
        yield made


@pytest.fixture
def bench_with_interrupts() -> Iterator[TrialBench]:
    """The same with a local APIC."""
    with _bench(_WithInterrupts()) as made:
        yield made
