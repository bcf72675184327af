"""What the port of POWER9 decides without a POWER host."""

from __future__ import annotations

from typing import Any

import pytest

from kvmgdb.arch.kvm import WORKS
from kvmgdb.arch.machine import StartState
from kvmgdb_ppc.book3s64 import MSR_DR, MSR_SF, register_file
from kvmgdb_ppc.kvm import STEP, TRAP_WORD
from kvmgdb_ppc.kvm_book3s64 import EXECUTION, WATCH, Book3s64Kvm, successors
from kvmgdb_ppc.kvm_registers import BLOCKS, registers
from kvmgdb_ppc.sprs import READ_ONLY

HV = {STEP: "does not stop", TRAP_WORD: "0x00dddd00", EXECUTION: "never fires", WATCH: "never fires"}
BRANCH_BACK = 0x4BFF_FFF0.to_bytes(4, "big")


class Guest:
    """A processor's blocks."""

    def __init__(self) -> None:
        self.blocks = {block.name: block.make() for block in BLOCKS}

    def get(self, block: str) -> Any:
        return self.blocks[block]

    def put(self, block: str) -> None:
        """Taken as it is."""


@pytest.fixture
def guest() -> Guest:
    return Guest()


def _no_memory(_address: int, _length: int) -> bytes:
    raise AssertionError("nothing is read")


def test_kvm_gives_the_whole_register_file(guest: Guest) -> None:
    table = registers("power9")
    assert set(table) == {register.name for register in register_file()}
    written = {name: 0x100 + index for index, name in enumerate(table) if name not in READ_ONLY}
    for name, value in written.items():
        write = table[name].write
        assert write is not None
        write(guest.get(table[name].block), value, _no_memory)
    assert {name: table[name].read(guest.get(table[name].block)) for name in written} == written


def test_general_registers_are_64_bits_wide() -> None:
    by_name = register_file().by_name
    assert {by_name[name].bits for name in ("r0", "r31", "pc", "msr", "lr", "ctr")} == {64}
    assert {by_name[name].bits for name in ("cr", "xer")} == {32}


def test_kvm_hv_gets_traps_for_everything() -> None:
    host = Book3s64Kvm("power9").adopt(HV)
    assert (host.executes, host.watches, host.successors) == (False, False, successors)
    assert len(host.warnings) == 3


def test_a_host_that_does_it_all_needs_none() -> None:
    host = Book3s64Kvm("power9").adopt(dict.fromkeys(HV, WORKS) | {TRAP_WORD: "0x00dddd00"})
    assert (host.executes, host.watches, host.successors, host.warnings) == (True, True, None, ())


def test_it_starts_in_64_bit_mode(guest: Guest) -> None:
    Book3s64Kvm("power9").reset(guest, StartState(0x1000, "power9"), lambda _a, _d: None)
    assert (guest.get("regs").pc, guest.get("regs").msr) == (0x1000, MSR_SF)


@pytest.mark.parametrize(
    ("msr", "address", "physical"),
    [
        (MSR_SF, 0xC000_0000_0000_1234, 0x1234),
        (MSR_SF, 0x1_0000_0010, 0x1_0000_0010),
        (0, 0x1_0000_0010, 0x10),
    ],
)
def test_without_translation_addresses_are_real(guest: Guest, msr: int, address: int, physical: int) -> None:
    guest.get("regs").msr = msr
    found = Book3s64Kvm("power9").translate(guest, address, _no_memory)
    assert found is not None
    assert found.physical == physical


def test_with_translation_nothing_is_mapped(guest: Guest) -> None:
    guest.get("regs").msr = MSR_SF | MSR_DR
    assert Book3s64Kvm("power9").translate(guest, 0x1000, _no_memory) is None


@pytest.mark.parametrize(("msr", "target"), [(MSR_SF, (1 << 64) - 8), (0, (1 << 32) - 8)])
def test_addresses_wrap_by_the_mode(guest: Guest, msr: int, target: int) -> None:
    guest.get("regs").msr, guest.get("regs").pc = msr, 8
    assert successors(guest, BRANCH_BACK) == (target,)
