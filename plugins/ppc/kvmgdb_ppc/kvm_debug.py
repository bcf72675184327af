"""``struct kvm_guest_debug_arch`` of PowerPC: sixteen typed addresses (KVM API, KVM_SET_GUEST_DEBUG)."""

from __future__ import annotations

import struct
from enum import IntFlag

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.registers import ByteOrder
from kvmgdb.arch.slots import Assignment
from kvmgdb.errors import KvmgdbError

BREAKPOINTS = 16
"""``bp[16]``; the kernel reads as many as the core has registers, and the rest must be NONE."""


class KvmppcDebug(IntFlag):
    """``KVMPPC_DEBUG_*`` of ``asm/kvm.h``: a type when arming, a status in the exit."""

    NONE = 0
    BREAKPOINT = 1 << 1
    WATCH_WRITE = 1 << 2
    WATCH_READ = 1 << 3


_TYPES = {
    BreakpointKind.HARDWARE: KvmppcDebug.BREAKPOINT,
    BreakpointKind.WRITE: KvmppcDebug.WATCH_WRITE,
    BreakpointKind.READ: KvmppcDebug.WATCH_READ,
    BreakpointKind.ACCESS: KvmppcDebug.WATCH_WRITE | KvmppcDebug.WATCH_READ,
}


def kvm_debug_arch(assignment: Assignment, byteorder: ByteOrder) -> bytes:
    """Pack the typed addresses of ``assignment``, the unused ones NONE.

    Raises:
        KvmgdbError: a placement KVM has no type for (a range).
    """
    entry = struct.Struct("<QII" if byteorder == "little" else ">QII")
    data = b""
    for placement in assignment.placements:
        if "-" in placement.slot:
            raise KvmgdbError(f"KVM cannot arm the range {placement.slot} that holds {placement.request}")
        data += entry.pack(placement.address, _TYPES[placement.request.kind], 0)
    return data.ljust(BREAKPOINTS * entry.size, b"\0")
