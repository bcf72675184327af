"""The PowerPC port's decisions that need no PowerPC host."""

from __future__ import annotations

import struct
from sys import byteorder
from typing import Any

import pytest

from kvmgdb.arch.kvm_calls import Ioctl
from kvmgdb.arch.kvm_run import KVM_EXIT_IO, KVM_EXIT_MMIO, UNION_OFFSET
from kvmgdb.arch.machine import StartState
from kvmgdb.errors import MemoryFault
from kvmgdb_ppc import kvm_structs as kvm
from kvmgdb_ppc.devices import CONSOLE, DEVICES, EXIT
from kvmgdb_ppc.kvm import STEP, TRAP_WORD, PpcKvm
from kvmgdb_ppc.kvm_registers import BLOCKS, registers
from kvmgdb_ppc.registers import register_file
from kvmgdb_ppc.sprs import READ_ONLY, SPRS

ORDER = "<" if byteorder == "little" else ">"


class Guest:
    """A processor's blocks, with memory of one page that is mapped one to one."""

    def __init__(self) -> None:
        self.blocks = {block.name: block.make() for block in BLOCKS}
        self.memory = bytearray(0x1000)

    def get(self, block: str) -> Any:
        return self.blocks[block]

    def put(self, block: str) -> None:
        """Taken as it is."""

    def call(self, request: Ioctl, argument: Any = 0) -> int:
        assert request is kvm.KVM_TRANSLATE
        argument.valid = argument.linear_address < len(self.memory)
        argument.physical_address = argument.linear_address
        return 0

    def enable(self, capability: int) -> None:
        """No capability changes anything here."""

    def read(self, address: int, length: int) -> bytes:
        if address + length > len(self.memory):
            raise MemoryFault(f"no memory at physical address {address:#x}")
        return bytes(self.memory[address : address + length])


class Recorder:
    """Devices that remember."""

    def __init__(self) -> None:
        self.printed = bytearray()
        self.status: int | None = None

    def console(self, byte: int) -> None:
        self.printed.append(byte)

    def exit(self, status: int) -> None:
        self.status = status


@pytest.fixture
def guest() -> Guest:
    return Guest()


def _port(variant: str, guest: Guest) -> PpcKvm:
    port = PpcKvm(variant)
    port.set_up_vcpu(guest, guest)
    return port


NOT_IN_THE_INTERFACE = {
    "440": {"ccr0", "dbdr", "mmucr"},
    "e500v1": {"bucsr", "hid1", "l1csr0", "l1csr1", "spefscr"},
    "e500v2": {"bucsr", "hid1", "l1csr0", "l1csr1", "spefscr"},
    "e500mc": {"bucsr", "hid1", "l1csr0", "l1csr1"},
}
"""What KVM_GET_SREGS and the ids of KVM_GET_ONE_REG do not have of the embedded cores."""


@pytest.mark.parametrize("variant", NOT_IN_THE_INTERFACE)
def test_the_registers_of_the_file_but_those_kvm_does_not_give(variant: str) -> None:
    wanted = {register.name for register in register_file(variant)}
    assert wanted - set(registers(variant)) == NOT_IN_THE_INTERFACE[variant]
    assert set(registers(variant)) <= wanted


@pytest.mark.parametrize("variant", SPRS)
def test_what_is_written_is_read_and_changes_nothing_else(variant: str, guest: Guest) -> None:
    table = registers(variant)
    written = {name: 0x100 + index for index, name in enumerate(table) if name not in READ_ONLY}
    for name, value in written.items():
        write = table[name].write
        assert write is not None
        write(guest.get(table[name].block), value, guest.read)
    assert {name: table[name].read(guest.get(table[name].block)) for name in written} == written


def test_a_status_register_is_marked_as_written(guest: Guest) -> None:
    write = registers("e500v2")["dbsr"].write
    assert write is not None
    write(guest.get("sregs"), 0x8000_0000, guest.read)
    assert guest.get("sregs").u.e.update_special == kvm.UPDATE_SPECIAL["dbsr"]


def test_the_start_state(guest: Guest) -> None:
    guest.get("regs").msr = guest.get("regs").gpr[31] = 7
    _port("440", guest).reset(guest, StartState(0x1000, "440"), lambda _a, _d: None)
    regs = guest.get("regs")
    assert (regs.pc, regs.msr, regs.gpr[31]) == (0x1000, 0, 0)


def test_the_trap_is_the_hosts_own_word() -> None:
    host = PpcKvm("750").adopt({STEP: "works", TRAP_WORD: "0x00dddd00"})
    [trap] = host.traps.values()
    assert trap.code == bytes.fromhex("00dddd00")
    assert host.warnings == ()


def test_a_host_without_single_steps_says_so() -> None:
    [warning] = PpcKvm("750").adopt({STEP: "not offered", TRAP_WORD: "0x00dddd00"}).warnings
    assert "Book3S HV" in warning


def _mmio(address: int, data: bytes, is_write: int) -> memoryview:
    page = bytearray(0x100)
    struct.pack_into(f"{ORDER}Q8sIB", page, UNION_OFFSET, address, data, len(data), is_write)
    return memoryview(page)


def test_the_device_page(guest: Guest) -> None:
    port, devices = _port("440", guest), Recorder()
    assert port.device(KVM_EXIT_MMIO, _mmio(DEVICES.start + CONSOLE, b"x", 1), devices)
    assert port.device(KVM_EXIT_MMIO, _mmio(DEVICES.start + EXIT, b"\x07", 1), devices)
    page = _mmio(DEVICES.start + 0x10, b"\xff\xff", 0)
    assert port.device(KVM_EXIT_MMIO, page, devices)
    assert bytes(page[UNION_OFFSET + 8 : UNION_OFFSET + 16]) == bytes(8)
    assert (bytes(devices.printed), devices.status) == (b"x", 7)


def test_what_is_no_device(guest: Guest) -> None:
    port, devices = _port("440", guest), Recorder()
    assert not port.device(KVM_EXIT_MMIO, _mmio(DEVICES.start - 1, b"x", 1), devices)
    assert not port.device(KVM_EXIT_IO, _mmio(DEVICES.start, b"x", 1), devices)


def test_a_trap_that_is_not_ours_becomes_a_program_interrupt(guest: Guest) -> None:
    """As a core that has lost its debug facility to KVM would take it; BookE, through IVOR6."""
    port = _port("e500v2", guest)
    guest.get("regs").pc, guest.get("regs").msr = 0x100, 0x9000
    guest.get("sregs").u.e.ivor_low[6] = 0x700
    guest.memory[0x700:0x704] = b"\x60\0\0\0"
    exception = port.trap_at_pc(guest, bytes.fromhex("7fe00008"))
    assert exception is not None
    assert port.deliver(guest, exception, guest.read) is None
    regs = guest.get("regs")
    assert (regs.pc, regs.srr0, regs.srr1, regs.msr) == (0x700, 0x100, 0x9000, 0x1000)
    assert guest.get("sregs").u.e.esr == 0x0200_0000


def test_a_guest_without_a_handler(guest: Guest) -> None:
    port = _port("750", guest)
    exception = port.trap_at_pc(guest, bytes.fromhex("7fe00008"))
    assert exception is not None
    assert port.deliver(guest, exception, guest.read) == "there is no code at its vector 0x700"
    assert port.trap_at_pc(guest, b"\x60\0\0\0") is None
