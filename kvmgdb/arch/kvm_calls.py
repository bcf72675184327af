"""KVM's calls by name, before they are numbered for a host (Linux ``include/uapi/linux/kvm.h``)."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from enum import IntFlag

KVMIO = 0xAE
"""The type byte of every KVM ioctl number."""


class Direction(IntFlag):
    """Whether the kernel reads or writes the argument, seen from user space (``_IOW``: it reads)."""

    NONE = 0
    WRITE = 1
    READ = 2


@dataclass(frozen=True, slots=True)
class Ioctl:
    """One call, before it is encoded for a host: encodings differ between hosts."""

    name: str
    number: int
    direction: Direction = Direction.NONE
    size: int = 0
    """Bytes of the argument as the kernel's macro has it; a flexible array counts nothing."""


def io(name: str, number: int) -> Ioctl:
    """``_IO``: the argument is a number, or nothing."""
    return Ioctl(name, number)


def ior(name: str, number: int, struct: type[ctypes.Structure]) -> Ioctl:
    """``_IOR``: the kernel fills in ``struct``."""
    return Ioctl(name, number, Direction.READ, ctypes.sizeof(struct))


def iow(name: str, number: int, struct: type[ctypes.Structure]) -> Ioctl:
    """``_IOW``: the kernel takes ``struct``."""
    return Ioctl(name, number, Direction.WRITE, ctypes.sizeof(struct))


def iowr(name: str, number: int, struct: type[ctypes.Structure]) -> Ioctl:
    """``_IOWR``: both."""
    return Ioctl(name, number, Direction.READ | Direction.WRITE, ctypes.sizeof(struct))
