"""Debug registers: ours beside the guest's own."""

from __future__ import annotations

import errno
import logging
import struct
from typing import Any

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.backends.kvm.hardware import Hardware
from kvmgdb.errors import RspError
from kvmgdb_x86.debugregs import debug_layout
from kvmgdb_x86.kvm import X86Kvm
from kvmgdb_x86.kvm_structs import kvm_debugregs

EXECUTE, WRITE, READ = BreakpointKind.HARDWARE, BreakpointKind.WRITE, BreakpointKind.READ


class Guest:
    """The debug registers of a guest."""

    def __init__(self) -> None:
        self.registers = kvm_debugregs(dr7=0x400)

    def get(self, block: str) -> Any:
        assert block == "debugregs"
        return self.registers

    def put(self, block: str) -> None:
        """Nothing here writes."""
        raise AssertionError(block)


@pytest.fixture
def guest() -> Guest:
    return Guest()


class Traps(set[int]):
    """In memory; nothing is mapped from 0x9000 on."""

    def put(self, address: int) -> bool:
        if address >= 0x9000:
            return False
        self.add(address)
        return True


@pytest.fixture
def traps() -> Traps:
    return Traps()


@pytest.fixture
def hardware(traps: Traps) -> Hardware:
    return Hardware(debug_layout("64"), X86Kvm(), traps.put, traps.discard)


def _registers(arch: bytes) -> tuple[int, ...]:
    return struct.unpack("<8Q", arch)


def test_what_kvm_gets(hardware: Hardware, guest: Guest) -> None:
    hardware.insert(EXECUTE, 0x1000, 1, guest)
    hardware.insert(WRITE, 0x2000, 4, guest)
    assert _registers(hardware.run_arch(guest)) == (0x1000, 0x2000, 0, 0, 0, 0, 0, 0x00D0_040A)
    assert [(slot.slot, slot.kind, slot.address) for slot in hardware.armed] == [
        ("DR0", EXECUTE, 0x1000),
        ("DR1", WRITE, 0x2000),
    ]


def test_a_step_watches_data_and_nothing_else(hardware: Hardware, guest: Guest) -> None:
    hardware.insert(EXECUTE, 0x1000, 1, guest)
    assert hardware.step_arch(guest) == b""
    hardware.insert(WRITE, 0x2000, 4, guest)
    assert _registers(hardware.step_arch(guest)) == (0, 0x2000, 0, 0, 0, 0, 0, 0x00D0_0408)


def test_the_guests_own_stay_in_their_places(hardware: Hardware, guest: Guest) -> None:
    guest.registers.db[0], guest.registers.dr7 = 0x7000, 0x0001_0401
    hardware.insert(EXECUTE, 0x1000, 1, guest)
    assert _registers(hardware.run_arch(guest)) == (0x7000, 0x1000, 0, 0, 0, 0, 0, 0x0001_0409)
    assert [slot.slot for slot in hardware.armed] == ["DR1"]


def test_removed(hardware: Hardware, guest: Guest) -> None:
    hardware.insert(EXECUTE, 0x1000, 1, guest)
    hardware.insert(EXECUTE, 0x1004, 1, guest)
    hardware.remove(EXECUTE, 0x1000, 1)
    assert not hardware.has_code(0x1000)
    assert hardware.has_code(0x1004)
    assert _registers(hardware.run_arch(guest)) == (0, 0x1004, 0, 0, 0, 0, 0, 0x408)


def test_no_room(hardware: Hardware, guest: Guest) -> None:
    for index in range(4):
        hardware.insert(EXECUTE, 0x1000 + index, 1, guest)
    with pytest.raises(RspError, match="no debug register is left") as caught:
        hardware.insert(WRITE, 0x2000, 4, guest)
    assert caught.value.number == errno.ENOSPC
    hardware.insert(EXECUTE, 0x1000, 1, guest)  # that one is there already


def test_the_guest_takes_one_of_ours_and_gives_it_back(
    hardware: Hardware, guest: Guest, traps: Traps, caplog: pytest.LogCaptureFixture
) -> None:
    for index in range(4):
        hardware.insert(EXECUTE, 0x1000 + index, 1, guest)
    guest.registers.db[2], guest.registers.dr7 = 0x7000, 0x410
    with caplog.at_level(logging.WARNING):
        hardware.refresh(guest)
        hardware.refresh(guest)
    assert caplog.messages == [
        "a hardware breakpoint at 0x1003 is a trap in memory now: the guest has taken its debug register"
    ]
    assert traps == {0x1003}
    assert _registers(hardware.run_arch(guest))[:4] == (0x1000, 0x1001, 0x7000, 0x1002)
    guest.registers.dr7 = 0x400
    with caplog.at_level(logging.WARNING):
        hardware.refresh(guest)
    assert caplog.messages[1:] == ["a hardware breakpoint at 0x1003 is in a debug register again"]
    assert traps == set()


def test_one_that_has_given_way_is_removed(
    hardware: Hardware, guest: Guest, traps: Traps, caplog: pytest.LogCaptureFixture
) -> None:
    for index in range(4):
        hardware.insert(EXECUTE, 0x1000 + index, 1, guest)
    guest.registers.db[2], guest.registers.dr7 = 0x7000, 0x410
    hardware.refresh(guest)
    hardware.remove(EXECUTE, 0x1003, 1)
    assert traps == set()
    guest.registers.dr7 = 0x400
    with caplog.at_level(logging.WARNING):
        hardware.refresh(guest)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(("kind", "address"), [(EXECUTE, 0x9000), (WRITE, 0x2000)])
def test_one_that_cannot_stand_in_memory_is_out_of_use(
    hardware: Hardware,
    guest: Guest,
    traps: Traps,
    caplog: pytest.LogCaptureFixture,
    kind: BreakpointKind,
    address: int,
) -> None:
    for index in range(3):
        hardware.insert(EXECUTE, 0x1000 + index, 1, guest)
    hardware.insert(kind, address, 1, guest)
    guest.registers.db[2], guest.registers.dr7 = 0x7000, 0x410
    with caplog.at_level(logging.WARNING):
        hardware.refresh(guest)
    assert "out of use: the guest has taken its debug register" in caplog.text
    assert traps == set()


def test_a_hit_is_named_by_its_first_watched_byte(hardware: Hardware, guest: Guest) -> None:
    hardware.insert(WRITE, 0x2003, 3, guest)
    hits = {slot.slot: hardware.hit(slot.slot)[1] for slot in hardware.armed}
    assert set(hits.values()) == {0x2003, 0x2004}
