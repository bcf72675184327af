"""The structures of KVM on x86, with the kernel's names, and the calls that carry them.

Source: Linux ``arch/x86/include/uapi/asm/kvm.h``; a test holds each against the headers.
"""

from __future__ import annotations

import ctypes

from kvmgdb.arch.kvm_calls import Direction, Ioctl, io, ior, iow

U8, U16, U32, U64 = ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64

GENERAL = (
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
"""The order of ``struct kvm_regs``, which is not the processor's."""


class kvm_regs(ctypes.Structure):
    """KVM_GET_REGS."""

    _fields_ = tuple((name, U64) for name in (*GENERAL, "rip", "rflags"))


class kvm_segment(ctypes.Structure):
    """A segment register with its hidden part."""

    _fields_ = (
        ("base", U64),
        ("limit", U32),
        ("selector", U16),
        *(
            (name, U8)
            for name in ("type", "present", "dpl", "db", "s", "l", "g", "avl", "unusable", "padding")
        ),
    )


class kvm_dtable(ctypes.Structure):
    """GDTR or IDTR."""

    _fields_ = (("base", U64), ("limit", U16), ("padding", U16 * 3))


SEGMENTS = ("cs", "ds", "es", "fs", "gs", "ss", "tr", "ldt")
CONTROL = ("cr0", "cr2", "cr3", "cr4", "cr8")


class kvm_sregs(ctypes.Structure):
    """KVM_GET_SREGS: segments, control registers, EFER."""

    _fields_ = (
        *((name, kvm_segment) for name in SEGMENTS),
        ("gdt", kvm_dtable),
        ("idt", kvm_dtable),
        *((name, U64) for name in (*CONTROL, "efer", "apic_base")),
        ("interrupt_bitmap", U64 * 4),
    )


class kvm_xsave(ctypes.Structure):
    """KVM_GET_XSAVE.  The kernel has it as ``region[1024]``; these are the fields of the standard format
    (SDM vol. 1, "FXSAVE Area", "XSAVE Header").

    KVM_GET_FPU would be shorter, but carries no MXCSR.
    """

    _fields_ = (
        ("fcw", U16),
        ("fsw", U16),
        ("ftw", U8),
        ("reserved", U8),
        ("fop", U16),
        ("fioff", U32),
        ("fiseg", U32),
        ("fooff", U32),
        ("foseg", U32),
        ("mxcsr", U32),
        ("mxcsr_mask", U32),
        ("st", (U8 * 16) * 8),
        ("xmm", (U8 * 16) * 16),
        ("unused", U8 * 96),
        ("xstate_bv", U64),
        ("rest", U8 * (4096 - 520)),
    )


class kvm_debugregs(ctypes.Structure):
    """KVM_GET_DEBUGREGS: the guest's own."""

    _fields_ = (("db", U64 * 4), ("dr6", U64), ("dr7", U64), ("flags", U64), ("reserved", U64 * 9))


class kvm_msr_entry(ctypes.Structure):
    """One model-specific register."""

    _fields_ = (("index", U32), ("reserved", U32), ("data", U64))


MSRS = {
    "star": 0xC000_0081,
    "lstar": 0xC000_0082,
    "sfmask": 0xC000_0084,
    "k_gs_base": 0xC000_0102,
    "pat": 0x277,
}
"""SDM vol. 4, "Model-Specific Registers"; EFER is in ``struct kvm_sregs``."""


class kvm_msrs(ctypes.Structure):
    """KVM_GET_MSRS for the registers of :data:`MSRS`, in its order."""

    _fields_ = (("nmsrs", U32), ("pad", U32), ("entries", kvm_msr_entry * len(MSRS)))


def new_msrs() -> kvm_msrs:
    """The question for all of :data:`MSRS`."""
    entries = (kvm_msr_entry * len(MSRS))(*(kvm_msr_entry(index) for index in MSRS.values()))
    return kvm_msrs(len(MSRS), 0, entries)


class _exception(ctypes.Structure):
    _fields_ = (("injected", U8), ("nr", U8), ("has_error_code", U8), ("pending", U8), ("error_code", U32))


class _interrupt(ctypes.Structure):
    _fields_ = (("injected", U8), ("nr", U8), ("soft", U8), ("shadow", U8))


class _nmi(ctypes.Structure):
    _fields_ = (("injected", U8), ("pending", U8), ("masked", U8), ("pad", U8))


class _smi(ctypes.Structure):
    _fields_ = (("smm", U8), ("pending", U8), ("smm_inside_nmi", U8), ("latched_init", U8))


class kvm_vcpu_events(ctypes.Structure):
    """KVM_GET_VCPU_EVENTS: what is on its way into the guest."""

    _fields_ = (
        ("exception", _exception),
        ("interrupt", _interrupt),
        ("nmi", _nmi),
        ("sipi_vector", U32),
        ("flags", U32),
        ("smi", _smi),
        ("triple_fault_pending", U8),
        ("reserved", U8 * 26),
        ("exception_has_payload", U8),
        ("exception_payload", U64),
    )


class kvm_sync_regs(ctypes.Structure):
    """KVM_CAP_SYNC_REGS: what an exit can leave in the shared page."""

    _fields_ = (("regs", kvm_regs), ("sregs", kvm_sregs), ("events", kvm_vcpu_events))


KVM_VCPUEVENT_VALID_SHADOW = 0x4
KVM_VCPUEVENT_VALID_PAYLOAD = 0x10
KVM_CAP_EXCEPTION_PAYLOAD = 164


class kvm_cpuid_entry2(ctypes.Structure):
    """One leaf of CPUID."""

    _fields_ = (
        *((name, U32) for name in ("function", "index", "flags", "eax", "ebx", "ecx", "edx")),
        ("padding", U32 * 3),
    )


MAX_CPUID_ENTRIES = 256
"""What KVM accepts at most (``KVM_MAX_CPUID_ENTRIES``)."""


class kvm_cpuid2(ctypes.Structure):
    """KVM_GET_SUPPORTED_CPUID, KVM_SET_CPUID2."""

    _fields_ = (("nent", U32), ("padding", U32), ("entries", kvm_cpuid_entry2 * MAX_CPUID_ENTRIES))


class kvm_guest_debug_arch(ctypes.Structure):
    """The architecture's part of ``struct kvm_guest_debug``."""

    _fields_ = (("debugreg", U64 * 8),)


class kvm_debug_exit_arch(ctypes.Structure):
    """KVM_EXIT_DEBUG."""

    _fields_ = (("exception", U32), ("pad", U32), ("pc", U64), ("dr6", U64), ("dr7", U64))


class kvm_pit_config(ctypes.Structure):
    """KVM_CREATE_PIT2."""

    _fields_ = (("flags", U32), ("pad", U32 * 15))


KVM_PIT_SPEAKER_DUMMY = 1
"""Port 0x61 belongs to it: with channel 2 it is what guests measure their clock by."""

KVM_GET_REGS = ior("KVM_GET_REGS", 0x81, kvm_regs)
KVM_SET_REGS = iow("KVM_SET_REGS", 0x82, kvm_regs)
KVM_GET_SREGS = ior("KVM_GET_SREGS", 0x83, kvm_sregs)
KVM_SET_SREGS = iow("KVM_SET_SREGS", 0x84, kvm_sregs)
KVM_GET_XSAVE = ior("KVM_GET_XSAVE", 0xA4, kvm_xsave)
KVM_SET_XSAVE = iow("KVM_SET_XSAVE", 0xA5, kvm_xsave)
KVM_GET_DEBUGREGS = ior("KVM_GET_DEBUGREGS", 0xA1, kvm_debugregs)
KVM_SET_DEBUGREGS = iow("KVM_SET_DEBUGREGS", 0xA2, kvm_debugregs)
KVM_GET_VCPU_EVENTS = ior("KVM_GET_VCPU_EVENTS", 0x9F, kvm_vcpu_events)
KVM_SET_VCPU_EVENTS = iow("KVM_SET_VCPU_EVENTS", 0xA0, kvm_vcpu_events)
KVM_GET_MSRS = Ioctl("KVM_GET_MSRS", 0x88, Direction.READ | Direction.WRITE, kvm_msrs.entries.offset)
KVM_SET_MSRS = Ioctl("KVM_SET_MSRS", 0x89, Direction.WRITE, kvm_msrs.entries.offset)
KVM_GET_SUPPORTED_CPUID = Ioctl(
    "KVM_GET_SUPPORTED_CPUID", 0x05, Direction.READ | Direction.WRITE, kvm_cpuid2.entries.offset
)
KVM_SET_CPUID2 = Ioctl("KVM_SET_CPUID2", 0x90, Direction.WRITE, kvm_cpuid2.entries.offset)
KVM_SET_TSS_ADDR = io("KVM_SET_TSS_ADDR", 0x47)
KVM_SET_IDENTITY_MAP_ADDR = Ioctl("KVM_SET_IDENTITY_MAP_ADDR", 0x48, Direction.WRITE, ctypes.sizeof(U64))
KVM_CREATE_IRQCHIP = io("KVM_CREATE_IRQCHIP", 0x60)
KVM_CREATE_PIT2 = iow("KVM_CREATE_PIT2", 0x77, kvm_pit_config)
