"""The debug registers of the IBM 40x cores, which came before Book E was settled.

Source: PPC405 Core User's Manual (SA14-2339), chapter 8: DBCR0 and DBCR1 in 8.5.1, DBSR in 8.5.2, the
compare registers in 8.5.3 to 8.5.5.  Masks and numbers as in Linux' ``reg_booke.h`` under CONFIG_40x.
"""

from __future__ import annotations

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.layout import BitField, DebugLayout, DebugRegister, FieldRef, Setting, Slot, SlotUse, Span
from kvmgdb_ppc.kvm_debug import kvm_debug_arch

VARIANTS = ("405",)

_SOURCE = "PPC405 Core User's Manual, 8.5"
_RST = ((0, "none"), (1, "core"), (2, "chip"), (3, "system"))
_SIZE = ((0, "byte"), (1, "halfword"), (2, "word"), (3, "line of 8 words"))
_DV_MODE = ((0, "undefined"), (1, "all enabled bytes"), (2, "any enabled byte"), (3, "any enabled halfword"))
_DAC_SIZES = {1: 0, 2: 1, 4: 2, 32: 3}

_DBCR0 = DebugRegister(
    "DBCR0",
    32,
    "debug control 0: which events",
    _SOURCE,
    (
        BitField("EDM", 0x80000000, "external debug mode: a probe owns the debug facility"),
        BitField("IDM", 0x40000000, "internal debug mode: events raise debug interrupts"),
        BitField("RST", 0x30000000, "reset now", _RST),
        BitField("IC", 0x08000000, "instruction completed: single step"),
        BitField("BT", 0x04000000, "branch taken"),
        BitField("EDE", 0x02000000, "exception taken"),
        BitField("TDE", 0x01000000, "trap instruction"),
        BitField("IA1", 0x00800000, "instruction address compare 1"),
        BitField("IA2", 0x00400000, "instruction address compare 2"),
        BitField("IA12", 0x00200000, "IAC1 and IAC2 bound a range"),
        BitField("IA12X", 0x00100000, "range 1/2 is exclusive"),
        BitField("IA3", 0x00080000, "instruction address compare 3"),
        BitField("IA4", 0x00040000, "instruction address compare 4"),
        BitField("IA34", 0x00020000, "IAC3 and IAC4 bound a range"),
        BitField("IA34X", 0x00010000, "range 3/4 is exclusive"),
        BitField("IA12T", 0x00008000, "reverse range 1/2 after each hit"),
        BitField("IA34T", 0x00004000, "reverse range 3/4 after each hit"),
        BitField("FT", 0x00000001, "freeze timers on a debug event"),
    ),
    number=0x3F2,
)

_DBCR1 = DebugRegister(
    "DBCR1",
    32,
    "debug control 1: data compares",
    _SOURCE,
    (
        BitField("D1R", 0x80000000, "DAC1 on reads"),
        BitField("D2R", 0x40000000, "DAC2 on reads"),
        BitField("D1W", 0x20000000, "DAC1 on writes"),
        BitField("D2W", 0x10000000, "DAC2 on writes"),
        BitField("D1S", 0x0C000000, "how much DAC1 covers", _SIZE),
        BitField("D2S", 0x03000000, "how much DAC2 covers", _SIZE),
        BitField("DA12", 0x00800000, "DAC1 and DAC2 bound a range"),
        BitField("DA12X", 0x00400000, "range 1/2 is exclusive"),
        BitField("DV1M", 0x000C0000, "how the value is compared with DVC1", _DV_MODE),
        BitField("DV2M", 0x00030000, "how the value is compared with DVC2", _DV_MODE),
        BitField("DV1BE", 0x0000F000, "the bytes of DVC1 that count"),
        BitField("DV2BE", 0x00000F00, "the bytes of DVC2 that count"),
    ),
    number=0x3BD,
)

_DBSR = DebugRegister(
    "DBSR",
    32,
    "debug status",
    _SOURCE,
    (
        BitField("IC", 0x80000000, "instruction completed: single step"),
        BitField("BT", 0x40000000, "branch taken"),
        BitField("EDE", 0x20000000, "exception taken"),
        BitField("TIE", 0x10000000, "trap instruction"),
        BitField("UDE", 0x08000000, "unconditional debug event"),
        BitField("IA1", 0x04000000, "instruction address compare 1"),
        BitField("IA2", 0x02000000, "instruction address compare 2"),
        BitField("DR1", 0x01000000, "data address compare 1, read"),
        BitField("DW1", 0x00800000, "data address compare 1, write"),
        BitField("DR2", 0x00400000, "data address compare 2, read"),
        BitField("DW2", 0x00200000, "data address compare 2, write"),
        BitField("IDE", 0x00100000, "imprecise: the event came while MSR[DE] was 0"),
        BitField("IA3", 0x00080000, "instruction address compare 3"),
        BitField("IA4", 0x00040000, "instruction address compare 4"),
        BitField("MRR", 0x00000300, "most recent reset", _RST),
    ),
    number=0x3F0,
)

_MSR = DebugRegister(
    "MSR",
    32,
    "machine state, its debug bits",
    "PPC405 Core User's Manual, 2.10.1",
    (
        BitField("DWE", 0x400, "debug wait mode is enabled"),
        BitField("DE", 0x200, "debug interrupts are enabled"),
    ),
)


def _register(name: str, number: int, summary: str, field: BitField) -> DebugRegister:
    return DebugRegister(name, 32, summary, _SOURCE, (field,), number=number)


def _iac(n: int, number: int) -> DebugRegister:
    field = BitField("ADDR", 0xFFFFFFFC, f"the address IAC{n} compares with", address=True)
    return _register(f"IAC{n}", number, f"instruction address compare {n}", field)


def _dac(n: int, number: int) -> DebugRegister:
    field = BitField("ADDR", 0xFFFFFFFF, f"the address DAC{n} compares with", address=True)
    return _register(f"DAC{n}", number, f"data address compare {n}", field)


def _dvc(n: int, number: int) -> DebugRegister:
    field = BitField("VALUE", 0xFFFFFFFF, f"the value DVC{n} compares with")
    return _register(f"DVC{n}", number, f"data value compare {n}", field)


def _iac_slot(n: int) -> Slot:
    pair = "12" if n <= 2 else "34"
    settings = (Setting("DBCR0", f"IA{n}", 1), Setting("DBCR0", f"IA{pair}", 0))
    use = SlotUse(BreakpointKind.HARDWARE, settings, (Span(4, 4),))
    name = f"IAC{n}"
    return Slot(name, (name,), FieldRef(name, "ADDR"), (use,), (FieldRef("DBCR0", f"IA{n}"),), kvm=False)


def _iac_range(first: int) -> Slot:
    second = first + 1
    settings = (
        Setting("DBCR0", f"IA{first}", 1),
        Setting("DBCR0", f"IA{second}", 0),
        Setting("DBCR0", f"IA{first}{second}", 1),
        Setting("DBCR0", f"IA{first}{second}X", 0),
    )
    use = SlotUse(BreakpointKind.HARDWARE, settings)
    low, high = f"IAC{first}", f"IAC{second}"
    enables = (FieldRef("DBCR0", f"IA{first}"),)
    end = FieldRef(high, "ADDR")
    return Slot(f"{low}-{high}", (low, high), FieldRef(low, "ADDR"), (use,), enables, end, 4, kvm=False)


_READ_WRITE = {BreakpointKind.WRITE: (0, 1), BreakpointKind.READ: (1, 0), BreakpointKind.ACCESS: (1, 1)}


def _dac_settings(n: int, kind: BreakpointKind, in_range: int) -> tuple[Setting, ...]:
    read, write = _READ_WRITE[kind]
    return (
        Setting("DBCR1", f"D{n}R", read),
        Setting("DBCR1", f"D{n}W", write),
        Setting("DBCR1", "DA12", in_range),
        Setting("DBCR1", "DA12X", 0),
    )


def _dac_slot(n: int) -> Slot:
    spans = tuple(
        Span(length, length, (Setting("DBCR1", f"D{n}S", code),)) for length, code in _DAC_SIZES.items()
    )
    uses = tuple(SlotUse(kind, _dac_settings(n, kind, 0), spans) for kind in _READ_WRITE)
    name = f"DAC{n}"
    enables = (FieldRef("DBCR1", f"D{n}R"), FieldRef("DBCR1", f"D{n}W"))
    return Slot(name, (name,), FieldRef(name, "ADDR"), uses, enables, kvm=False)


def _dac_range() -> Slot:
    uses = tuple(SlotUse(kind, _dac_settings(1, kind, 1)) for kind in _READ_WRITE)
    enables = (FieldRef("DBCR1", "D1R"), FieldRef("DBCR1", "D1W"))
    end = FieldRef("DAC2", "ADDR")
    return Slot("DAC1-DAC2", ("DAC1", "DAC2"), FieldRef("DAC1", "ADDR"), uses, enables, end, kvm=False)


def debug_layout(variant: str) -> DebugLayout:
    """Describe the debug registers of a 40x core.  Linux' KVM never ran on one, so no slot is KVM's."""
    registers = (
        _DBCR0,
        _DBCR1,
        _DBSR,
        _iac(1, 0x3F4),
        _iac(2, 0x3F5),
        _iac(3, 0x3B4),
        _iac(4, 0x3B5),
        _dac(1, 0x3F6),
        _dac(2, 0x3F7),
        _dvc(1, 0x3B6),
        _dvc(2, 0x3B7),
        _MSR,
    )
    slots = (
        *(_iac_slot(n) for n in (1, 2, 3, 4)),
        _iac_range(1),
        _iac_range(3),
        *(_dac_slot(n) for n in (1, 2)),
        _dac_range(),
    )
    common = (Setting("DBCR0", "IDM", 1),)
    return DebugLayout(f"ppc:{variant}", registers, slots, kvm_debug_arch, common)
