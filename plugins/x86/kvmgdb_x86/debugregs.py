"""The x86 debug registers DR0-DR3, DR6 and DR7.

Source: Intel SDM vol. 3, "Debug Registers" (19.2 in the 2024 edition); AMD APM vol. 2, "Software-Debug
Resources", agrees.
"""

from __future__ import annotations

import struct

from kvmgdb.arch.arming import register_values
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.layout import BitField, DebugLayout, DebugRegister, FieldRef, Setting, Slot, SlotUse, Span
from kvmgdb.arch.registers import ByteOrder
from kvmgdb.arch.slots import Assignment

SLOTS = 4
LENGTHS = {"16": (1, 2, 4), "32": (1, 2, 4), "64": (1, 2, 4, 8)}
"""Watch lengths by variant: eight bytes need a processor with long mode (SDM, LENn note)."""
LEN_ENCODING = {1: 0, 2: 1, 4: 3, 8: 2}
DR6_ALWAYS_ONE = 0xFFFE07F0
DR6_RESET = 0xFFFF0FF0
DR7_RESET = 0x400

_RW = ((0, "execute"), (1, "write"), (2, "I/O (with CR4.DE)"), (3, "read or write"))
_LEN = ((0, "1 byte"), (1, "2 bytes"), (2, "8 bytes"), (3, "4 bytes"))
_READS_AND_WRITES = "x86 has no read-only watch: writes hit too, and are told apart by the value"


def _address_register(n: int, bits: int) -> DebugRegister:
    mask = (1 << bits) - 1
    field = BitField("ADDR", mask, f"linear address of breakpoint {n}", address=True)
    return DebugRegister(
        f"DR{n}", bits, f"debug address {n}", "SDM vol. 3, Debug Address Registers", (field,)
    )


def _dr6(bits: int) -> DebugRegister:
    hits = (BitField(f"B{n}", 1 << n, f"the condition of breakpoint {n} was met") for n in range(SLOTS))
    fields = (
        *hits,
        BitField("BLD", 1 << 11, "bus lock detected", active_low=True),
        BitField("BD", 1 << 13, "the next instruction accesses a debug register (DR7.GD)"),
        BitField("BS", 1 << 14, "single step (EFLAGS.TF)"),
        BitField("BT", 1 << 15, "task switch to a TSS with its T flag"),
        BitField("RTM", 1 << 16, "inside a transactional region", active_low=True),
    )
    source = "SDM vol. 3, Debug Status Register (DR6)"
    return DebugRegister("DR6", bits, "debug status", source, fields, DR6_ALWAYS_ONE, DR6_RESET)


def _dr7(bits: int) -> DebugRegister:
    fields: list[BitField] = []
    for n in range(SLOTS):
        fields.append(BitField(f"L{n}", 1 << (2 * n), f"breakpoint {n} enabled for this task"))
        fields.append(BitField(f"G{n}", 2 << (2 * n), f"breakpoint {n} enabled for all tasks"))
    fields += [
        BitField("LE", 1 << 8, "exact local breakpoints (old processors)"),
        BitField("GE", 1 << 9, "exact global breakpoints (old processors)"),
        BitField("RTM", 1 << 11, "advanced debugging of transactional regions"),
        BitField("GD", 1 << 13, "general detect: accessing a debug register traps"),
    ]
    for n in range(SLOTS):
        fields.append(BitField(f"RW{n}", 3 << (16 + 4 * n), f"what breakpoint {n} is for", _RW))
        fields.append(BitField(f"LEN{n}", 3 << (18 + 4 * n), f"how many bytes breakpoint {n} covers", _LEN))
    source = "SDM vol. 3, Debug Control Register (DR7)"
    return DebugRegister("DR7", bits, "debug control", source, tuple(fields), DR7_RESET, DR7_RESET)


def _spans(n: int, lengths: tuple[int, ...]) -> tuple[Span, ...]:
    return tuple(Span(size, size, (Setting("DR7", f"LEN{n}", LEN_ENCODING[size]),)) for size in lengths)


def _use(n: int, kind: BreakpointKind, rw: int, lengths: tuple[int, ...], note: str = "") -> SlotUse:
    settings = (Setting("DR7", f"G{n}", 1), Setting("DR7", f"RW{n}", rw))
    return SlotUse(kind, settings, _spans(n, lengths), note)


def _slot(n: int, lengths: tuple[int, ...]) -> Slot:
    uses = (
        _use(n, BreakpointKind.HARDWARE, 0, (1,)),
        _use(n, BreakpointKind.WRITE, 1, lengths),
        _use(n, BreakpointKind.ACCESS, 3, lengths),
        _use(n, BreakpointKind.READ, 3, lengths, _READS_AND_WRITES),
    )
    enables = (FieldRef("DR7", f"L{n}"), FieldRef("DR7", f"G{n}"))
    return Slot(f"DR{n}", (f"DR{n}",), FieldRef(f"DR{n}", "ADDR"), uses, enables)


def debug_layout(variant: str) -> DebugLayout:
    """Describe the debug registers of ``x86:VARIANT`` (``16``, ``32`` or ``64``)."""
    bits = 64 if variant == "64" else 32
    addresses = tuple(_address_register(n, bits) for n in range(SLOTS))
    slots = tuple(_slot(n, LENGTHS[variant]) for n in range(SLOTS))

    def kvm_debug_arch(assignment: Assignment, byteorder: ByteOrder) -> bytes:
        return _kvm_debugreg(layout, assignment, byteorder)

    layout = DebugLayout(f"x86:{variant}", (*addresses, _dr6(bits), _dr7(bits)), slots, kvm_debug_arch)
    return layout


def _kvm_debugreg(layout: DebugLayout, assignment: Assignment, byteorder: ByteOrder) -> bytes:
    """``u64 debugreg[8]`` (KVM API, KVM_SET_GUEST_DEBUG): DR0-DR3 and DR7 by number, the rest 0."""
    values = register_values(layout, assignment, {"DR7": DR7_RESET})
    numbered = [values.get(f"DR{n}", 0) for n in range(8)]
    return struct.pack(f"{'<' if byteorder == 'little' else '>'}8Q", *numbered)
