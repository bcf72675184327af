"""The triggers: debug registers of RISC-V.

Source: RISC-V External Debug Support 0.13.2, chapter 5 "Trigger Module" (Sdtrig in later versions): tselect,
tdata1 as mcontrol (type 2), tdata2.  A trigger is a pair of registers behind tselect; here each pair has
names of its own.  How many there are is the implementation's to say: two here.
"""

from __future__ import annotations

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.layout import BitField, DebugLayout, DebugRegister, FieldRef, Setting, Slot, SlotUse, Span
from kvmgdb.arch.registers import ByteOrder
from kvmgdb.arch.slots import Assignment
from kvmgdb_riscv.variants import NAME, XLEN

TRIGGERS = 2

_SOURCE = "RISC-V External Debug Support 0.13.2, 5.2"
_TYPES = ((0, "no trigger"), (2, "mcontrol: address or data match"))
_TIMING = ((0, "before the instruction"), (1, "after it"))
_ACTIONS = ((0, "breakpoint exception"), (1, "enter debug mode"))
_MATCHES = ((0, "equal"), (1, "within a power of two"), (2, "from"), (3, "below"), (4, "low"), (5, "high"))

# (execute, store, load)
_EVENTS = {
    BreakpointKind.HARDWARE: (1, 0, 0),
    BreakpointKind.WRITE: (0, 1, 0),
    BreakpointKind.READ: (0, 0, 1),
    BreakpointKind.ACCESS: (0, 1, 1),
}
_SIZES = {1: 1, 2: 2, 4: 3, 8: 5}
"""Bytes of an access -> size: sizelo, and above it the two bits of sizehi where XLEN is 64."""
_SIZE_NOTE = "hits only accesses of just this size that start at the address"


def _control(n: int, xlen: int) -> DebugRegister:
    """The upper fields stand at the top of the register, whatever its width; RV32 has no room for sizehi."""
    size_high = (BitField("SIZEHI", 0x0060_0000, "access size, upper part"),) if xlen == 64 else ()
    fields = (
        BitField("TYPE", 0xF << xlen - 4, "what the trigger is", _TYPES),
        BitField("DMODE", 1 << xlen - 5, "only debug mode may write it"),
        BitField("MASKMAX", 0x3F << xlen - 11, "largest power of two that match 1 covers"),
        *size_high,
        BitField("HIT", 0x0010_0000, "it has fired"),
        BitField("SELECT", 0x0008_0000, "compare data in place of the address"),
        BitField("TIMING", 0x0004_0000, "when it fires", _TIMING),
        BitField("SIZELO", 0x0003_0000, "access size, lower part"),
        BitField("ACTION", 0x0000_F000, "what it does", _ACTIONS),
        BitField("CHAIN", 0x0000_0800, "fires only together with the next"),
        BitField("MATCH", 0x0000_0780, "how tdata2 is compared", _MATCHES),
        BitField("M", 0x0000_0040, "in machine mode"),
        BitField("S", 0x0000_0010, "in supervisor mode"),
        BitField("U", 0x0000_0008, "in user mode"),
        BitField("EXECUTE", 0x0000_0004, "on an instruction"),
        BitField("STORE", 0x0000_0002, "on a store"),
        BitField("LOAD", 0x0000_0001, "on a load"),
    )
    return DebugRegister(f"MCONTROL{n}", xlen, f"tdata1 of trigger {n}", _SOURCE, fields, number=0x7A1)


def _address(n: int, xlen: int) -> DebugRegister:
    field = BitField("ADDRESS", (1 << xlen) - 1, "what is compared with", address=True)
    return DebugRegister(f"TDATA2_{n}", xlen, f"tdata2 of trigger {n}", _SOURCE, (field,), number=0x7A2)


def _slot(n: int, xlen: int) -> Slot:
    control = f"MCONTROL{n}"
    return Slot(
        name=f"trigger{n}",
        holds=(f"TDATA2_{n}",),
        address=FieldRef(f"TDATA2_{n}", "ADDRESS"),
        uses=tuple(_use(control, kind, xlen) for kind in _EVENTS),
        enables=tuple(FieldRef(control, name) for name in ("EXECUTE", "STORE", "LOAD")),
        kvm=False,
    )


def _use(control: str, kind: BreakpointKind, xlen: int) -> SlotUse:
    execute, store, load = _EVENTS[kind]
    fields = {"TYPE": 2, "M": 1, "S": 1, "U": 1, "EXECUTE": execute, "STORE": store, "LOAD": load}
    settings = tuple(Setting(control, name, value) for name, value in fields.items())
    if not kind.is_watch:
        return SlotUse(kind, settings, (Span(2, 2),))
    spans = tuple(
        Span(length, length, _size_settings(control, size, xlen))
        for length, size in _SIZES.items()
        if 8 * length <= xlen
    )
    return SlotUse(kind, settings, spans, _SIZE_NOTE)


def _size_settings(control: str, size: int, xlen: int) -> tuple[Setting, ...]:
    low = Setting(control, "SIZELO", size & 3)
    return (Setting(control, "SIZEHI", size >> 2), low) if xlen == 64 else (low,)


def _kvm_debug_arch(assignment: Assignment, byteorder: ByteOrder) -> bytes:
    """``struct kvm_guest_debug_arch`` has no members on RISC-V: KVM arms no trigger (Linux ``asm/kvm.h``)."""
    return b""


def debug_layout(variant: str) -> DebugLayout:
    """The triggers of ``riscv:VARIANT``."""
    xlen = XLEN[variant]
    triggers = range(TRIGGERS)
    registers = [make(n, xlen) for n in triggers for make in (_control, _address)]
    slots = tuple(_slot(n, xlen) for n in triggers)
    return DebugLayout(f"{NAME}:{variant}", tuple(registers), slots, _kvm_debug_arch)
