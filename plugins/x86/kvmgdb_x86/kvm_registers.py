"""Where KVM keeps the registers of the x86 register files."""

from __future__ import annotations

from kvmgdb.arch.kvm import KvmRegister, StateBlock, Struct
from kvmgdb.arch.machine import ReadPhysical
from kvmgdb.errors import RspError
from kvmgdb_x86 import kvm_structs as kvm
from kvmgdb_x86 import modes, paging
from kvmgdb_x86.linear import LinearMemory
from kvmgdb_x86.registers import GENERAL_32, GENERAL_64, SELECTORS
from kvmgdb_x86.segments import Descriptor

REGS, SREGS, XSAVE, DEBUGREGS, MSRS, EVENTS = "regs", "sregs", "xsave", "debugregs", "msrs", "events"

KVM_SYNC_X86_REGS, KVM_SYNC_X86_SREGS = 1, 2

BLOCKS = (
    StateBlock(REGS, kvm.KVM_GET_REGS, kvm.KVM_SET_REGS, kvm.kvm_regs, sync=KVM_SYNC_X86_REGS),
    StateBlock(
        *(SREGS, kvm.KVM_GET_SREGS, kvm.KVM_SET_SREGS, kvm.kvm_sregs),
        sync=KVM_SYNC_X86_SREGS,
        sync_offset=kvm.kvm_sync_regs.sregs.offset,
    ),
    StateBlock(XSAVE, kvm.KVM_GET_XSAVE, kvm.KVM_SET_XSAVE, kvm.kvm_xsave),
    StateBlock(DEBUGREGS, kvm.KVM_GET_DEBUGREGS, kvm.KVM_SET_DEBUGREGS, kvm.kvm_debugregs),
    StateBlock(MSRS, kvm.KVM_GET_MSRS, kvm.KVM_SET_MSRS, kvm.new_msrs, answer=len(kvm.MSRS)),
    StateBlock(EVENTS, kvm.KVM_GET_VCPU_EVENTS, kvm.KVM_SET_VCPU_EVENTS, kvm.kvm_vcpu_events),
)

XSTATE_X87_SSE = 0x3
EFLAGS_VM = 1 << 17

_SEGMENT_FIELD = {"ldtr": "ldt"}


def _plain(block: str, *path: str) -> KvmRegister:
    """A field of a structure."""
    *outer, last = path

    def holder(struct: Struct) -> Struct:
        for name in outer:
            struct = getattr(struct, name)
        return struct

    def read(struct: Struct) -> int:
        value: int = getattr(holder(struct), last)
        return value

    def write(struct: Struct, value: int, _read: ReadPhysical) -> None:
        setattr(holder(struct), last, value)

    return KvmRegister(block, read, write)


def _read_only(register: KvmRegister) -> KvmRegister:
    return KvmRegister(register.block, register.read, None)


def _vector(field: str, index: int, size: int) -> KvmRegister:
    """A register of the x87 or of SSE: the first ``size`` of 16 bytes."""

    def read(struct: Struct) -> int:
        return int.from_bytes(bytes(getattr(struct, field)[index])[:size], "little")

    def write(struct: Struct, value: int, _read: ReadPhysical) -> None:
        getattr(struct, field)[index][:size] = value.to_bytes(16, "little")[:size]
        struct.xstate_bv |= XSTATE_X87_SSE

    return KvmRegister(XSAVE, read, write)


def _float(field: str) -> KvmRegister:
    """A control register of the x87 or of SSE."""
    plain = _plain(XSAVE, field)

    def write(struct: Struct, value: int, _read: ReadPhysical) -> None:
        setattr(struct, field, value)
        struct.xstate_bv |= XSTATE_X87_SSE

    return KvmRegister(XSAVE, plain.read, write)


def _tag_word() -> KvmRegister:
    """The x87 tag word.  FXSAVE keeps one bit per register, "not empty", and the rest follows from the
    contents (SDM vol. 1, "x87 FPU Tag Word"; vol. 2, "FXSAVE").
    """

    def read(struct: Struct) -> int:
        top = struct.fsw >> 11 & 7
        word = 0
        for physical in range(8):
            empty = not struct.ftw >> physical & 1
            tag = 3 if empty else _tag(bytes(struct.st[(physical - top) & 7])[:10])
            word |= tag << 2 * physical
        return word

    def write(struct: Struct, value: int, _read: ReadPhysical) -> None:
        struct.ftw = sum(1 << index for index in range(8) if value >> 2 * index & 3 != 3)
        struct.xstate_bv |= XSTATE_X87_SSE

    return KvmRegister(XSAVE, read, write)


def _tag(value: bytes) -> int:
    """0 valid, 1 zero, 2 special."""
    fraction, exponent = int.from_bytes(value[:8], "little"), int.from_bytes(value[8:], "little") & 0x7FFF
    if exponent == 0:
        return 1 if fraction == 0 else 2
    return 0 if exponent != 0x7FFF and fraction >> 63 else 2


def _msr(index: int) -> KvmRegister:
    def read(struct: Struct) -> int:
        value: int = struct.entries[index].data
        return value

    def write(struct: Struct, value: int, _read: ReadPhysical) -> None:
        struct.entries[index].data = value

    return KvmRegister(MSRS, read, write)


def _debug_address(index: int) -> KvmRegister:
    def write(struct: Struct, value: int, _read: ReadPhysical) -> None:
        struct.db[index] = value

    def read(struct: Struct) -> int:
        value: int = struct.db[index]
        return value

    return KvmRegister(DEBUGREGS, read, write)


def _selector(name: str) -> KvmRegister:
    """A segment register is loaded as the processor would load it in its present mode."""

    def write(struct: Struct, value: int, read: ReadPhysical) -> None:
        selector = value & 0xFFFF
        segment = getattr(struct, name)
        if not struct.cr0 & modes.CR0_PE:
            segment.selector, segment.base = selector, selector << 4
            return
        if selector == segment.selector:
            return
        if selector & 0xFFFC == 0 and name not in ("cs", "ss"):
            segment.selector, segment.unusable, segment.present = selector, 1, 0
            return
        load_descriptor(segment, selector, _descriptor(struct, name, selector, read))

    return KvmRegister(SREGS, _plain(SREGS, name, "selector").read, write)


def _descriptor(sregs: Struct, name: str, selector: int, read: ReadPhysical) -> Descriptor:
    table = sregs.ldt if selector & 4 else sregs.gdt
    state = paging.PagingState(sregs.cr0, sregs.cr3, sregs.cr4, sregs.efer)
    raw = LinearMemory(state, read).read(table.base + (selector & 0xFFF8), 8)
    descriptor = Descriptor(int.from_bytes(raw or b"", "little"))
    if (selector | 7) > table.limit or not descriptor.present or not descriptor.raw >> 44 & 1:
        raise RspError(f"{name} cannot be {selector:#x}: the descriptor table has no such segment")
    return descriptor


def load_descriptor(segment: Struct, selector: int, descriptor: Descriptor) -> None:
    """Fill in a segment register from its descriptor (SDM vol. 3, "Segment Descriptors")."""
    raw = descriptor.raw
    segment.selector, segment.base, segment.limit = selector, descriptor.base, descriptor.limit
    segment.type, segment.s = raw >> 40 & 0xF | 1, raw >> 44 & 1  # the processor sets "accessed"
    segment.dpl, segment.present = descriptor.dpl, int(descriptor.present)
    segment.avl, segment.l = raw >> 52 & 1, raw >> 53 & 1
    segment.db, segment.g = raw >> 54 & 1, raw >> 55 & 1
    segment.unusable = 0


def _general() -> dict[str, KvmRegister]:
    found = {name: _plain(REGS, name) for name in (*GENERAL_64, "rip")}
    # The 32-bit file shows the low halves, and writes them alone.
    found |= {name: _low_half("r" + name[1:]) for name in (*GENERAL_32, "eip")}
    found["eflags"] = _plain(REGS, "rflags")
    return found


def _low_half(field: str) -> KvmRegister:
    def read(struct: Struct) -> int:
        value: int = getattr(struct, field)
        return value & 0xFFFF_FFFF

    def write(struct: Struct, value: int, _read: ReadPhysical) -> None:
        setattr(struct, field, value & 0xFFFF_FFFF)

    return KvmRegister(REGS, read, write)


def _system() -> dict[str, KvmRegister]:
    found = {name: _plain(SREGS, name) for name in ("cr0", "cr2", "cr3", "cr4", "cr8", "efer")}
    bases = {f"{name}_base": _plain(SREGS, name, "base") for name in SELECTORS}
    found |= {name: register if name[0] in "fg" else _read_only(register) for name, register in bases.items()}
    for name in ("gdt", "idt"):
        found |= {f"{name}r_{part}": _plain(SREGS, name, part) for part in ("base", "limit")}
    for name in ("tr", "ldtr"):
        field = _SEGMENT_FIELD.get(name, name)
        found |= {name: _plain(SREGS, field, "selector"), f"{name}_base": _plain(SREGS, field, "base")}
    found |= {f"dr{index}": _debug_address(index) for index in range(4)}
    found |= {name: _plain(DEBUGREGS, name) for name in ("dr6", "dr7")}
    return found | {name: _msr(index) for index, name in enumerate(kvm.MSRS)}


def _floats() -> dict[str, KvmRegister]:
    found = {f"st{index}": _vector("st", index, 10) for index in range(8)}
    found |= {f"xmm{index}": _vector("xmm", index, 16) for index in range(16)}
    fields = {"fctrl": "fcw", "fstat": "fsw"} | {name: name for name in ("fiseg", "fioff", "foseg", "fooff")}
    found |= {name: _float(field) for name, field in (fields | {"fop": "fop", "mxcsr": "mxcsr"}).items()}
    return found | {"ftag": _tag_word()}


REGISTERS = _general() | {name: _selector(name) for name in SELECTORS} | _system() | _floats()
