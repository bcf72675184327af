"""The machine a guest runs on, as backends and plugins agree on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Region:
    """A range of guest-physical memory backed by bytes."""

    start: int
    size: int
    name: str
    """``ram``, or what it is there for."""

    @property
    def end(self) -> int:
        """First address past the region."""
        return self.start + self.size

    def __contains__(self, address: int) -> bool:
        return self.start <= address < self.end


class Extent(NamedTuple):
    """Where a virtual address lies, and how far what follows it lies there too."""

    physical: int
    length: int
    """Bytes, from the address on, at least 1."""


@dataclass(frozen=True, slots=True)
class DeviceRegion:
    """A range of guest-physical addresses that are a device's: a debugger must not read them."""

    start: int
    size: int
    name: str


@dataclass(frozen=True, slots=True)
class StartState:
    """Where and how a guest starts."""

    entry: int
    variant: str


class Devices(Protocol):
    """What the sample machine's two devices do; the same on every backend."""

    def console(self, byte: int) -> None:
        """Print one byte."""
        ...

    def exit(self, status: int) -> None:
        """End the guest with a status (0 to 255)."""
        ...


ReadPhysical = Callable[[int, int], bytes]
"""(address, length) -> bytes; raises :class:`kvmgdb.errors.MemoryFault`."""
