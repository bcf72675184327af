"""The structures of the KVM interface that are the same on every host, with the kernel's names.

Source: Linux ``include/uapi/linux/kvm.h``.  A test holds each against the headers.
"""

from __future__ import annotations

import ctypes

U8, U16, U32, U64 = ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64

EXIT_UNION_SIZE = 256
"""Bytes of the union in ``struct kvm_run`` that holds an exit's data (its ``padding`` member)."""


SYNC_REGS_SIZE_BYTES = 2048
"""Bytes for what KVM_CAP_SYNC_REGS shares."""


class kvm_userspace_memory_region(ctypes.Structure):
    """KVM_SET_USER_MEMORY_REGION: guest-physical memory that is ours."""

    _fields_ = (
        ("slot", U32),
        ("flags", U32),
        ("guest_phys_addr", U64),
        ("memory_size", U64),
        ("userspace_addr", U64),
    )


class kvm_enable_cap(ctypes.Structure):
    """KVM_ENABLE_CAP."""

    _fields_ = (("cap", U32), ("flags", U32), ("args", U64 * 4), ("pad", U8 * 64))


class kvm_mp_state(ctypes.Structure):
    """KVM_GET_MP_STATE: whether a processor runs or waits."""

    _fields_ = (("mp_state", U32),)


KVM_MP_STATE_RUNNABLE, KVM_MP_STATE_HALTED = 0, 3


class kvm_signal_mask(ctypes.Structure):
    """KVM_SET_SIGNAL_MASK; the kernel's set is eight bytes on the hosts we know, whatever the C library's."""

    _fields_ = (("len", U32), ("sigset", U8 * 8))


class io(ctypes.Structure):
    """KVM_EXIT_IO."""

    _fields_ = (("direction", U8), ("size", U8), ("port", U16), ("count", U32), ("data_offset", U64))


class mmio(ctypes.Structure):
    """KVM_EXIT_MMIO."""

    _fields_ = (("phys_addr", U64), ("data", U8 * 8), ("len", U32), ("is_write", U8))


class _exit_data(ctypes.Union):
    """The members that are answered or looked at on the way of every exit; others are read as bytes."""

    _fields_ = (("io", io), ("mmio", mmio), ("padding", U8 * EXIT_UNION_SIZE))


class kvm_run(ctypes.Structure):
    """The page shared with the kernel (without s390's two words before the union)."""

    _anonymous_ = ("exit",)
    _fields_ = (
        ("request_interrupt_window", U8),
        ("immediate_exit", U8),
        ("padding1", U8 * 6),
        ("exit_reason", U32),
        ("ready_for_interrupt_injection", U8),
        ("if_flag", U8),
        ("flags", U16),
        ("cr8", U64),
        ("apic_base", U64),
        ("exit", _exit_data),
        ("kvm_valid_regs", U64),
        ("kvm_dirty_regs", U64),
        ("s", U8 * SYNC_REGS_SIZE_BYTES),
    )
