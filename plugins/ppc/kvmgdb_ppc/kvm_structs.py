"""The structures of KVM on PowerPC, with the kernel's names, and the calls that carry them.

Source: Linux ``arch/powerpc/include/uapi/asm/kvm.h``; a test holds each against the headers.
"""

from __future__ import annotations

import ctypes

from kvmgdb.arch.kvm_calls import ior, iow, iowr

U8, U32, U64 = ctypes.c_uint8, ctypes.c_uint32, ctypes.c_uint64


class kvm_regs(ctypes.Structure):
    """KVM_GET_REGS."""

    _fields_ = (
        *((name, U64) for name in ("pc", "cr", "ctr", "lr", "xer", "msr", "srr0", "srr1", "pid")),
        *((f"sprg{index}", U64) for index in range(8)),
        ("gpr", U64 * 32),
    )


class _e(ctypes.Structure):
    """``u.e``: the embedded cores'.  ``impl`` is Freescale's part of it."""

    _fields_ = (
        *((f"impl_{name}", U32) for name in ("features", "svr")),
        ("impl_mcar", U64),
        *((f"impl_{name}", U32) for name in ("hid0", "pid1", "pid2")),
        ("impl_rest", U8 * 228),
        *((name, U32) for name in ("features", "impl_id", "update_special", "pir")),
        *((name, U64) for name in ("sprg8", "sprg9", "csrr0", "dsrr0", "mcsrr0")),
        *((name, U32) for name in ("csrr1", "dsrr1", "mcsrr1", "esr")),
        *((name, U64) for name in ("dear", "ivpr", "mcivpr", "mcsr")),
        *((name, U32) for name in ("tsr", "tcr", "decar", "dec")),
        ("tb", U64),
        ("dbsr", U32),
        ("dbcr", U32 * 3),
        ("iac", U32 * 4),
        ("dac", U32 * 2),
        ("dvc", U32 * 2),
        *((name, U8) for name in ("num_iac", "num_dac", "num_dvc", "pad")),
        *((name, U32) for name in ("epr", "vrsave", "epcr", "mas0", "mas1")),
        *((name, U64) for name in ("mas2", "mas7_3")),
        *((name, U32) for name in ("mas4", "mas6")),
        ("ivor_low", U32 * 16),
        ("ivor_high", U32 * 18),
    )


class _s(ctypes.Structure):
    """``u.s``: the classic cores'; of ``ppc64`` the table of segments, then ``ppc32``."""

    _fields_ = (
        ("sdr1", U64),
        ("slb", (U64 * 2) * 64),
        ("sr", U32 * 16),
        ("ibat", U64 * 8),
        ("dbat", U64 * 8),
    )


class _u(ctypes.Union):
    _fields_ = (("e", _e), ("s", _s), ("pad", U8 * 1020))


class kvm_sregs(ctypes.Structure):
    """KVM_GET_SREGS."""

    _fields_ = (("pvr", U32), ("u", _u))


UPDATE_SPECIAL = {"mcsr": 1, "tsr": 2, "dec": 4, "dbsr": 8}
"""``KVM_SREGS_E_UPDATE_*``: registers that are written only where this says so."""


class kvm_one_reg(ctypes.Structure):
    """KVM_GET_ONE_REG: an id, and the address of the value."""

    _fields_ = (("id", U64), ("addr", U64))


class kvm_translation(ctypes.Structure):
    """KVM_TRANSLATE."""

    _fields_ = (
        ("linear_address", U64),
        ("physical_address", U64),
        *((name, U8) for name in ("valid", "writeable", "usermode")),
        ("pad", U8 * 5),
    )


class kvm_guest_debug_entry(ctypes.Structure):
    """One of ``bp[16]`` of ``struct kvm_guest_debug_arch``."""

    _fields_ = (("addr", U64), ("type", U32), ("reserved", U32))


class kvm_guest_debug_arch(ctypes.Structure):
    """The architecture's part of ``struct kvm_guest_debug``."""

    _fields_ = (("bp", kvm_guest_debug_entry * 16),)


KVM_REG_PPC = 0x1000_0000_0000_0000
KVM_REG_SIZE_U32, KVM_REG_SIZE_U64 = 0x0020_0000_0000_0000, 0x0030_0000_0000_0000


def _reg32(number: int) -> int:
    return KVM_REG_PPC | KVM_REG_SIZE_U32 | number


def _reg64(number: int) -> int:
    return KVM_REG_PPC | KVM_REG_SIZE_U64 | number


ONE_REGS = {
    "KVM_REG_PPC_IAC1": _reg64(0x2),
    "KVM_REG_PPC_DAC1": _reg64(0x6),
    "KVM_REG_PPC_DABR": _reg64(0x8),
    "KVM_REG_PPC_DAR": _reg64(0xC),
    "KVM_REG_PPC_DSISR": _reg32(0xD),
    "KVM_REG_PPC_FPR0": _reg64(0x20),
    "KVM_REG_PPC_DAWR": _reg64(0xAA),
    "KVM_REG_PPC_DAWRX": _reg64(0xAB),
    "KVM_REG_PPC_CIABR": _reg64(0xAC),
    "KVM_REG_PPC_FPSCR": _reg64(0x80),
    "KVM_REG_PPC_DEBUG_INST": _reg32(0x8B),
}


class OneReg(kvm_one_reg):
    """A question for one register, with room for the answer."""

    def __init__(self, number: int) -> None:
        self.value = U32() if number & 0x00F0_0000_0000_0000 == KVM_REG_SIZE_U32 else U64()
        super().__init__(number, ctypes.addressof(self.value))


KVM_GET_REGS = ior("KVM_GET_REGS", 0x81, kvm_regs)
KVM_SET_REGS = iow("KVM_SET_REGS", 0x82, kvm_regs)
KVM_GET_SREGS = ior("KVM_GET_SREGS", 0x83, kvm_sregs)
KVM_SET_SREGS = iow("KVM_SET_SREGS", 0x84, kvm_sregs)
KVM_TRANSLATE = iowr("KVM_TRANSLATE", 0x85, kvm_translation)
KVM_GET_ONE_REG = iow("KVM_GET_ONE_REG", 0xAB, kvm_one_reg)
KVM_SET_ONE_REG = iow("KVM_SET_ONE_REG", 0xAC, kvm_one_reg)
