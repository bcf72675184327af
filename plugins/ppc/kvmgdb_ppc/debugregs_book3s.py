"""The debug registers of desktop and server PowerPC processors (Book III-S; before it the 6xx to 970).

Sources: Power ISA 3.1 Book III, chapter 10 "Debug Facility" (DAWR, DAWRX, CIABR) and 4.2.1 (MSR); Power ISA
2.03 Book III (DABR, DABRX); MPC603e, MPC750 and MPC7450 User's Manuals, chapter 2 (IABR, DABR).
"""

from __future__ import annotations

from dataclasses import dataclass

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.layout import BitField, DebugLayout, DebugRegister, FieldRef, Setting, Slot, SlotUse, Span
from kvmgdb_ppc.kvm_debug import kvm_debug_arch

_READ_WRITE = {BreakpointKind.WRITE: (0, 1), BreakpointKind.READ: (1, 0), BreakpointKind.ACCESS: (1, 1)}
_PRIV = ((0, "off"), (1, "user"), (2, "supervisor"), (3, "hypervisor"))
_WITH_TRANSLATION = "hits only with address translation on"
_DOUBLEWORDS = 64
_DAWR_BLOCK = 512
"""A DAWR range must stay inside a block of this size, before Power ISA 3.1."""


@dataclass(frozen=True, slots=True)
class _Core:
    """Which debug registers a processor has."""

    bits: int
    source: str
    iabr: bool = False
    iabr_translation: bool = False
    dabr: bool = False
    dabrx: bool = False
    ciabr: bool = False
    dawrs: int = 0
    dawr_block: int = _DAWR_BLOCK


_CORES = {
    "603e": _Core(32, "MPC603e User's Manual, 2.1.2", iabr=True),
    "750": _Core(32, "MPC750 User's Manual, 2.1.2", iabr=True, iabr_translation=True, dabr=True),
    "7457": _Core(32, "MPC7450 User's Manual, 2.1.5", iabr=True, iabr_translation=True, dabr=True),
    "970": _Core(64, "PowerPC 970FX User's Manual, 2.1; Power ISA 2.03 Book III", dabr=True, dabrx=True),
    "power8": _Core(64, "Power ISA 2.07 Book III-S, 8", ciabr=True, dawrs=1),
    "power9": _Core(64, "Power ISA 3.0 Book III, 9", ciabr=True, dawrs=1),
    "power10": _Core(64, "Power ISA 3.1 Book III, 10", ciabr=True, dawrs=2, dawr_block=0),
}


def _iabr(core: _Core) -> DebugRegister:
    translation = (BitField("TE", 0x1, "compares only where MSR[IR] is the same"),)
    fields = (
        BitField("ADDR", 0xFFFFFFFC, "the instruction address", address=True),
        BitField("BE", 0x2, "enabled"),
        *(translation if core.iabr_translation else ()),
    )
    return DebugRegister("IABR", 32, "instruction address breakpoint", core.source, fields, number=1010)


def _iabr_slot(core: _Core) -> Slot:
    translation = (Setting("IABR", "TE", 1),) if core.iabr_translation else ()
    note = _WITH_TRANSLATION if core.iabr_translation else ""
    settings = (Setting("IABR", "BE", 1), *translation)
    use = SlotUse(BreakpointKind.HARDWARE, settings, (Span(4, 4),), note)
    return Slot("IABR", ("IABR",), FieldRef("IABR", "ADDR"), (use,), (FieldRef("IABR", "BE"),), kvm=False)


def _dabr(core: _Core) -> DebugRegister:
    fields = (
        BitField("ADDR", ((1 << core.bits) - 1) & ~7, "the doubleword", address=True),
        BitField("BT", 0x4, "compares only where MSR[DR] is the same"),
        BitField("DW", 0x2, "on writes"),
        BitField("DR", 0x1, "on reads"),
    )
    return DebugRegister("DABR", core.bits, "data address breakpoint", core.source, fields, number=1013)


def _dabrx(core: _Core) -> DebugRegister:
    fields = (
        BitField("BTI", 0x8, "ignore DABR[BT]: any translation"),
        BitField("HYP", 0x4, "in hypervisor state"),
        BitField("PNH", 0x2, "in supervisor state"),
        BitField("PRO", 0x1, "in user state"),
    )
    return DebugRegister("DABRX", 32, "data address breakpoint extension", core.source, fields, number=1015)


def _dabr_slot(core: _Core) -> Slot:
    states = {"BTI": 1, "HYP": 0, "PNH": 1, "PRO": 1} if core.dabrx else {}
    extension = tuple(Setting("DABRX", field, value) for field, value in states.items())
    note = "" if core.dabrx else _WITH_TRANSLATION
    uses = tuple(
        SlotUse(
            kind,
            (Setting("DABR", "DR", r), Setting("DABR", "DW", w), Setting("DABR", "BT", 1), *extension),
            (Span(8, 8),),
            note,
        )
        for kind, (r, w) in _READ_WRITE.items()
    )
    enables = (FieldRef("DABR", "DR"), FieldRef("DABR", "DW"))
    return Slot("DABR", ("DABR",), FieldRef("DABR", "ADDR"), uses, enables, kvm=False)


def _dawr(core: _Core, n: int) -> tuple[DebugRegister, DebugRegister]:
    address = BitField("DEAW", 0xFFFFFFFFFFFFFFF8, "the first doubleword", address=True)
    control = (
        BitField("MRD", 0x0000FC00, "doublewords of the range, less one"),
        BitField("DW", 0x00000040, "on writes"),
        BitField("DR", 0x00000020, "on reads"),
        BitField("WT", 0x00000010, "compares only with this data translation"),
        BitField("WTI", 0x00000008, "ignore WT: any translation"),
        BitField("HYP", 0x00000004, "in hypervisor state"),
        BitField("PNH", 0x00000002, "in supervisor state"),
        BitField("PRO", 0x00000001, "in user state"),
    )
    return (
        DebugRegister(
            f"DAWR{n}", 64, f"data address watchpoint {n}", core.source, (address,), number=180 + n
        ),
        DebugRegister(
            f"DAWRX{n}", 32, f"data watchpoint {n}, extension", core.source, control, number=188 + n
        ),
    )


def _dawr_slot(core: _Core, n: int) -> Slot:
    control = f"DAWRX{n}"
    states = {"WTI": 1, "HYP": 0, "PNH": 1, "PRO": 1}
    spans = tuple(
        Span(8 * count, 8, (Setting(control, "MRD", count - 1),), core.dawr_block)
        for count in range(1, _DOUBLEWORDS + 1)
    )
    uses = tuple(
        SlotUse(
            kind,
            (
                Setting(control, "DR", read),
                Setting(control, "DW", write),
                *(Setting(control, field, value) for field, value in states.items()),
            ),
            spans,
        )
        for kind, (read, write) in _READ_WRITE.items()
    )
    enables = (FieldRef(control, "DR"), FieldRef(control, "DW"))
    return Slot(f"DAWR{n}", (f"DAWR{n}",), FieldRef(f"DAWR{n}", "DEAW"), uses, enables, kvm=False)


def _ciabr(core: _Core) -> DebugRegister:
    fields = (
        BitField("CIEA", 0xFFFFFFFFFFFFFFFC, "the address of the completed instruction", address=True),
        BitField("PRIV", 0x3, "in which state", _PRIV),
    )
    return DebugRegister("CIABR", 64, "completed instruction address", core.source, fields, number=187)


def _ciabr_slot() -> Slot:
    note = "hits in supervisor state only, and after the instruction"
    use = SlotUse(BreakpointKind.HARDWARE, (Setting("CIABR", "PRIV", 2),), (Span(4, 4),), note)
    enables = (FieldRef("CIABR", "PRIV"),)
    return Slot("CIABR", ("CIABR",), FieldRef("CIABR", "CIEA"), (use,), enables, kvm=False)


def _msr(core: _Core) -> DebugRegister:
    fields = (
        BitField("SE", 0x400, "single step: trace after every instruction"),
        BitField("BE", 0x200, "branch step: trace after every branch"),
    )
    return DebugRegister("MSR", core.bits, "machine state, its debug bits", core.source, fields)


def _dsisr(core: _Core) -> DebugRegister:
    field = BitField("DABR", 0x00400000, "a data breakpoint matched (DABR or DAWR)")
    return DebugRegister("DSISR", 32, "data storage interrupt status", core.source, (field,), number=18)


def debug_layout(variant: str) -> DebugLayout:
    """Describe the debug registers of ``ppc:VARIANT``.

    KVM on Book3S takes no typed addresses (it ignores them silently), so no slot is KVM's.
    """
    core = _CORES[variant]
    registers: list[DebugRegister] = []
    slots: list[Slot] = []
    if core.iabr:
        registers.append(_iabr(core))
        slots.append(_iabr_slot(core))
    if core.ciabr:
        registers.append(_ciabr(core))
        slots.append(_ciabr_slot())
    if core.dabr:
        registers.append(_dabr(core))
        slots.append(_dabr_slot(core))
    if core.dabrx:
        registers.append(_dabrx(core))
    for n in range(core.dawrs):
        registers.extend(_dawr(core, n))
        slots.append(_dawr_slot(core, n))
    if core.dabr or core.dawrs:
        registers.append(_dsisr(core))
    registers.append(_msr(core))
    return DebugLayout(f"ppc:{variant}", tuple(registers), tuple(slots), kvm_debug_arch)
