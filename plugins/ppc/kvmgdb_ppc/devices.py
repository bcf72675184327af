"""The device page of the sample machine, the same on every backend."""

from __future__ import annotations

from kvmgdb.arch.machine import DeviceRegion

DEVICES = DeviceRegion(0xF000_0000, 0x1000, "console and exit device")
CONSOLE, EXIT = 0x0, 0x8
"""A byte stored at these offsets is printed, or ends the guest with that status."""
