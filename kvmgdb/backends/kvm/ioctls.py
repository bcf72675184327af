"""KVM's ioctl numbers, computed for the host; and the calls themselves.

Two encodings exist (Linux ``include/uapi/asm-generic/ioctl.h`` and
``arch/powerpc/include/uapi/asm/ioctl.h``): PowerPC, like MIPS and SPARC, has 13 size bits and other
direction values.  So a number is made where the host is known, and never written down.
"""

from __future__ import annotations

import ctypes
import os
import platform
from dataclasses import dataclass

from kvmgdb.arch.kvm_calls import KVMIO, Direction, Ioctl, io, ior, iow
from kvmgdb.backends.kvm.structs import (
    kvm_enable_cap,
    kvm_mp_state,
    kvm_signal_mask,
    kvm_userspace_memory_region,
)

TYPE_SHIFT, SIZE_SHIFT = 8, 16


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a host puts direction and size into an ioctl number."""

    direction_shift: int
    none: int
    read: int
    write: int

    def number(self, call: Ioctl) -> int:
        """The number of ``call`` on such a host."""
        direction = self.read if call.direction & Direction.READ else 0
        direction |= self.write if call.direction & Direction.WRITE else 0
        direction = direction or self.none
        return direction << self.direction_shift | call.size << SIZE_SHIFT | KVMIO << TYPE_SHIFT | call.number


GENERIC = Encoding(direction_shift=30, none=0, read=2, write=1)
POWERPC = Encoding(direction_shift=29, none=1, read=2, write=4)


def encoding_of(machine: str) -> Encoding:
    """The encoding of a host by the name ``uname -m`` gives it."""
    return POWERPC if machine.startswith("ppc") else GENERIC


HOST = encoding_of(platform.machine())

KVM_GET_API_VERSION = io("KVM_GET_API_VERSION", 0x00)
KVM_CREATE_VM = io("KVM_CREATE_VM", 0x01)
KVM_CHECK_EXTENSION = io("KVM_CHECK_EXTENSION", 0x03)
KVM_GET_VCPU_MMAP_SIZE = io("KVM_GET_VCPU_MMAP_SIZE", 0x04)
KVM_CREATE_VCPU = io("KVM_CREATE_VCPU", 0x41)
KVM_SET_USER_MEMORY_REGION = iow("KVM_SET_USER_MEMORY_REGION", 0x46, kvm_userspace_memory_region)
KVM_RUN = io("KVM_RUN", 0x80)
KVM_SET_SIGNAL_MASK = Ioctl("KVM_SET_SIGNAL_MASK", 0x8B, Direction.WRITE, kvm_signal_mask.sigset.offset)
KVM_GET_MP_STATE = ior("KVM_GET_MP_STATE", 0x98, kvm_mp_state)
KVM_SET_MP_STATE = iow("KVM_SET_MP_STATE", 0x99, kvm_mp_state)
KVM_ENABLE_CAP = iow("KVM_ENABLE_CAP", 0xA3, kvm_enable_cap)


def set_guest_debug(arch_size: int) -> Ioctl:
    """KVM_SET_GUEST_DEBUG: ``struct kvm_guest_debug`` is eight bytes and the architecture's part."""
    return Ioctl("KVM_SET_GUEST_DEBUG", 0x9B, Direction.WRITE, 8 + arch_size)


_ioctl = ctypes.CDLL(None, use_errno=True).ioctl
_ioctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p)
_ioctl.restype = ctypes.c_int


def raw_ioctl(fd: int, number: int, argument: int | None) -> int:
    """Make the call; -1 is a failure that :func:`ctypes.get_errno` explains.

    ``argument`` is a number or an address.  Unlike :func:`fcntl.ioctl` this promises never to repeat a call
    that a signal has ended: KVM_RUN must come back then.
    """
    result: int = _ioctl(fd, number, argument)
    return result


def call(fd: int, request: Ioctl, argument: int | ctypes.Structure | ctypes.Array[ctypes.c_char] = 0) -> int:
    """Make ``request`` on ``fd``; the kernel's answer.

    Raises:
        OSError: the kernel's refusal, with the call's name as its file name.
    """
    value = argument if isinstance(argument, int) else ctypes.addressof(argument)
    result = raw_ioctl(fd, HOST.number(request), value)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), request.name)
    return result
