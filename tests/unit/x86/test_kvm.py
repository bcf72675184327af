"""The x86 port's decisions that need no KVM."""

from __future__ import annotations

import struct

import pytest

from kvmgdb.arch.kvm_run import KVM_EXIT_IO, KVM_EXIT_MMIO, UNION_OFFSET
from kvmgdb_x86.kvm import X86Kvm
from kvmgdb_x86.kvm_delivery import events_of
from kvmgdb_x86.ports import CONSOLE_PORT, EXIT_PORT

PAGE_OFFSET = 0x1000


class Recorder:
    """Devices that remember."""

    def __init__(self) -> None:
        self.printed = bytearray()
        self.status: int | None = None

    def console(self, byte: int) -> None:
        """Print."""
        self.printed.append(byte)

    def exit(self, status: int) -> None:
        """End."""
        self.status = status


def _io(direction: int, port: int, size: int, data: bytes) -> memoryview:
    """The shared page after a port access, its data behind it."""
    page = bytearray(0x2000)
    struct.pack_into("<BBHIQ", page, UNION_OFFSET, direction, size, port, len(data) // size, PAGE_OFFSET)
    page[PAGE_OFFSET : PAGE_OFFSET + len(data)] = data
    return memoryview(page)


@pytest.fixture
def devices() -> Recorder:
    return Recorder()


def test_the_console_prints_each_byte_of_a_string(devices: Recorder) -> None:
    assert X86Kvm().device(KVM_EXIT_IO, _io(1, CONSOLE_PORT, 1, b"hello"), devices)
    assert devices.printed == b"hello"


def test_a_wide_write_counts_by_its_low_byte(devices: Recorder) -> None:
    X86Kvm().device(KVM_EXIT_IO, _io(1, EXIT_PORT, 2, b"\x07\x01"), devices)
    assert devices.status == 7


@pytest.mark.parametrize(
    ("port", "size", "expected"), [(0x3FD, 1, b"\x60"), (0x3FD, 2, b"\x60\0"), (0x42, 4, b"\xff" * 4)]
)
def test_a_read(devices: Recorder, port: int, size: int, expected: bytes) -> None:
    page = _io(0, port, size, bytes(size))
    assert X86Kvm().device(KVM_EXIT_IO, page, devices)
    assert bytes(page[PAGE_OFFSET : PAGE_OFFSET + size]) == expected


def test_memory_is_no_port(devices: Recorder) -> None:
    assert not X86Kvm().device(KVM_EXIT_MMIO, _io(1, CONSOLE_PORT, 1, b"x"), devices)


def _debug(exception: int, dr6: int) -> memoryview:
    page = bytearray(0x100)
    struct.pack_into("<IIQQQ", page, UNION_OFFSET, exception, 0, 0x1000, dr6, 0)
    return memoryview(page)


@pytest.mark.parametrize("dr6", [0xFFFF_4FF0, 0xFFFE_4FF0, 0xFFFF_47F0], ids=["whole", "no RTM", "no BLD"])
def test_a_step_whatever_the_active_low_bits(dr6: int) -> None:
    assert X86Kvm().is_step(_debug(1, dr6))


@pytest.mark.parametrize(
    ("exception", "dr6"), [(1, 0xFFFF_4FF1), (1, 0xFFFF_0FF1), (1, 0xFFFF_6FF0), (3, 0xFFFF_4FF0)]
)
def test_no_mere_step(exception: int, dr6: int) -> None:
    """A breakpoint register that matched too, or instead; general detect; an INT3 with an old DR6."""
    assert not X86Kvm().is_step(_debug(exception, dr6))


def test_events_are_active_high() -> None:
    assert events_of(0xFFFF_0FF1) == 1
    assert events_of(0xFFFF_4FF0) == 1 << 14
    assert events_of(0xFFFE_07F0) == 1 << 11 | 1 << 16
