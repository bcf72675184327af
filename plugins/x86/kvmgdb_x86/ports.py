"""The I/O ports of the sample machine, the same on every backend."""

from __future__ import annotations

from collections.abc import Callable

from kvmgdb.arch.machine import Devices

CONSOLE_PORT = 0xE9
"""A byte written here is printed (the debug console of Bochs and QEMU)."""
EXIT_PORT = 0xF4
"""A byte written here ends the guest with that status."""
SERIAL_DATA, SERIAL_STATUS = 0x3F8, 0x3FD
"""COM1, transmit only: what most kernels print to first."""
SERIAL_READY = 0x60


def outputs(devices: Devices) -> dict[int, Callable[[int], None]]:
    """What takes the low byte of a write, by port."""
    return {
        CONSOLE_PORT: devices.console,
        SERIAL_DATA: devices.console,
        EXIT_PORT: devices.exit,
    }


def read_port(port: int, size: int) -> int:
    """What a read of ``size`` bytes gives: all ones where no device is."""
    return SERIAL_READY if port == SERIAL_STATUS else (1 << 8 * size) - 1
