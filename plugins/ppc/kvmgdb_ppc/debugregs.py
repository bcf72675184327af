"""The debug registers of the embedded PowerPC cores: Book E (440, e500) and the older 40x.

Sources: PPC440x5 CPU Core User's Manual, chapter 8 "Debug facilities"; PowerPC e500 Core Family Reference
Manual, 2.13 and chapter 8; e500mc Core Reference Manual, 2.14; PPC405 Core User's Manual, chapter 8; and the
masks of Linux' ``arch/powerpc/include/asm/reg_booke.h``.  The 40x has other bits at other numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.layout import BitField, DebugLayout, DebugRegister, FieldRef, Setting, Slot, SlotUse, Span
from kvmgdb_ppc import debugregs_40x, debugregs_book3s
from kvmgdb_ppc.kvm_debug import kvm_debug_arch

_IDM = Setting("DBCR0", "IDM", 1)
_US = ((0, "both"), (2, "supervisor"), (3, "user"))
_ER = ((0, "effective"), (2, "effective, address space 0"), (3, "effective, address space 1"))
_ER_440 = ((0, "effective"), (1, "real"), *_ER[1:])
_IAC_MODE = ((0, "exact"), (2, "range, inclusive"), (3, "range, exclusive"))
_DAC_MODE = ((0, "exact"), (1, "address bit mask"), (2, "range, inclusive"), (3, "range, exclusive"))
_DVC_MODE = ((0, "off"), (1, "all enabled bytes"), (2, "any enabled byte"), (3, "any enabled halfword"))
_RST = ((0, "none"), (1, "core"), (2, "chip"), (3, "system"))
_MRR = ((0, "none since cleared"), (1, "core"), (2, "chip"), (3, "system"))
_STARTS_AT = "hits accesses that start at the address"


@dataclass(frozen=True, slots=True)
class _Core:
    """What tells one Book E core's debug facility from another's."""

    iacs: int
    dvcs: int
    auto_toggle: bool
    critical_events: bool
    effective_or_real: tuple[tuple[int, str], ...]
    source: str


_CORES = {
    "440": _Core(4, 2, True, False, _ER_440, "PPC440x5 User's Manual, 8.6"),
    "e500v1": _Core(2, 0, False, False, _ER, "e500 Core Family Reference Manual, 2.13"),
    "e500v2": _Core(2, 0, False, False, _ER, "e500 Core Family Reference Manual, 2.13"),
    "e500mc": _Core(2, 0, False, True, _ER, "e500mc Core Reference Manual, 2.14"),
}


def _events(core: _Core) -> tuple[BitField, ...]:
    """Make the bits DBCR0 and DBSR have in common: enabling an event, and having seen it."""
    iacs = (
        BitField(f"IAC{n}", 0x01000000 >> n, f"instruction address compare {n}")
        for n in range(1, core.iacs + 1)
    )
    critical = (
        BitField("CIRPT", 0x00000040, "critical interrupt taken"),
        BitField("CRET", 0x00000020, "return from critical interrupt"),
    )
    return (
        BitField("ICMP", 0x08000000, "instruction completed: single step"),
        BitField("BRT", 0x04000000, "branch taken"),
        BitField("IRPT", 0x02000000, "interrupt taken"),
        BitField("TRAP", 0x01000000, "trap instruction"),
        *iacs,
        BitField("DAC1R", 0x00080000, "data address compare 1, read"),
        BitField("DAC1W", 0x00040000, "data address compare 1, write"),
        BitField("DAC2R", 0x00020000, "data address compare 2, read"),
        BitField("DAC2W", 0x00010000, "data address compare 2, write"),
        BitField("RET", 0x00008000, "return from interrupt"),
        *(critical if core.critical_events else ()),
    )


def _dbcr0(core: _Core) -> DebugRegister:
    fields = (
        BitField("EDM", 0x80000000, "external debug mode: a probe owns the debug facility"),
        BitField("IDM", 0x40000000, "internal debug mode: events raise debug interrupts"),
        BitField("RST", 0x30000000, "reset now", _RST),
        *_events(core),
        BitField("FT", 0x00000001, "freeze timers on a debug event"),
    )
    return DebugRegister("DBCR0", 32, "debug control 0: which events", core.source, fields, number=308)


def _dbsr(core: _Core) -> DebugRegister:
    toggles = (
        BitField("IAC12ATS", 0x00000002, "range 1/2 is reversed by auto-toggle"),
        BitField("IAC34ATS", 0x00000001, "range 3/4 is reversed by auto-toggle"),
    )
    fields = (
        BitField("IDE", 0x80000000, "imprecise: the event came while MSR[DE] was 0"),
        BitField("UDE", 0x40000000, "unconditional debug event"),
        BitField("MRR", 0x30000000, "most recent reset", _MRR),
        *_events(core),
        *(toggles if core.auto_toggle else ()),
    )
    return DebugRegister("DBSR", 32, "debug status", core.source, fields, number=304)


def _compare_fields(core: _Core, which: str, n: int, shift: int) -> tuple[BitField, ...]:
    return (
        BitField(f"{which}{n}US", 0xC << shift, f"{which}{n} in which state", _US),
        BitField(f"{which}{n}ER", 0x3 << shift, f"{which}{n} compares which address", core.effective_or_real),
    )


def _dbcr1(core: _Core) -> DebugRegister:
    fields = [
        *_compare_fields(core, "IAC", 1, 28),
        *_compare_fields(core, "IAC", 2, 24),
        BitField("IAC12M", 0x00C00000, "how IAC1 and IAC2 work together", _IAC_MODE),
    ]
    if core.iacs == 4:
        fields += [
            BitField("IAC12AT", 0x00010000, "reverse range 1/2 after each hit"),
            *_compare_fields(core, "IAC", 3, 12),
            *_compare_fields(core, "IAC", 4, 8),
            BitField("IAC34M", 0x000000C0, "how IAC3 and IAC4 work together", _IAC_MODE),
            BitField("IAC34AT", 0x00000001, "reverse range 3/4 after each hit"),
        ]
    return DebugRegister(
        "DBCR1", 32, "debug control 1: instruction compares", core.source, tuple(fields), number=309
    )


def _dbcr2(core: _Core) -> DebugRegister:
    fields = [
        *_compare_fields(core, "DAC", 1, 28),
        *_compare_fields(core, "DAC", 2, 24),
        BitField("DAC12M", 0x00C00000, "how DAC1 and DAC2 work together", _DAC_MODE),
    ]
    if core.dvcs:
        fields += [
            BitField("DAC12A", 0x00200000, "asynchronous DAC 1/2 compare"),
            BitField("DVC1M", 0x000C0000, "how the value is compared with DVC1", _DVC_MODE),
            BitField("DVC2M", 0x00030000, "how the value is compared with DVC2", _DVC_MODE),
            BitField("DVC1BE", 0x00000F00, "the bytes of DVC1 that count"),
            BitField("DVC2BE", 0x0000000F, "the bytes of DVC2 that count"),
        ]
    return DebugRegister(
        "DBCR2", 32, "debug control 2: data compares", core.source, tuple(fields), number=310
    )


def _compare(core: _Core, which: str, n: int, number: int) -> DebugRegister:
    mask = 0xFFFFFFFC if which == "IAC" else 0xFFFFFFFF
    field = BitField("ADDR", mask, f"the address {which}{n} compares with", address=True)
    what = "instruction" if which == "IAC" else "data"
    return DebugRegister(
        f"{which}{n}", 32, f"{what} address compare {n}", core.source, (field,), number=number
    )


def _dvc(core: _Core, n: int) -> DebugRegister:
    field = BitField("VALUE", 0xFFFFFFFF, f"the value DVC{n} compares with")
    return DebugRegister(f"DVC{n}", 32, f"data value compare {n}", core.source, (field,), number=317 + n)


_MSR = DebugRegister(
    "MSR",
    32,
    "machine state, its debug bit",
    "PPC440x5 User's Manual, 2.10.1; Power ISA Book III-E, 4.2.1",
    (BitField("DE", 0x200, "debug interrupts are enabled"),),
)


def _iac_slot(n: int) -> Slot:
    pair = "IAC12" if n <= 2 else "IAC34"
    settings = (
        Setting("DBCR0", f"IAC{n}", 1),
        Setting("DBCR1", f"IAC{n}US", 0),
        Setting("DBCR1", f"IAC{n}ER", 0),
        Setting("DBCR1", f"{pair}M", 0),
    )
    use = SlotUse(BreakpointKind.HARDWARE, settings, (Span(4, 4),))
    name = f"IAC{n}"
    return Slot(name, (name,), FieldRef(name, "ADDR"), (use,), (FieldRef("DBCR0", name),))


def _iac_range(first: int) -> Slot:
    low, high = f"IAC{first}", f"IAC{first + 1}"
    settings = (
        Setting("DBCR0", low, 1),
        Setting("DBCR0", high, 0),
        Setting("DBCR1", f"{low}US", 0),
        Setting("DBCR1", f"{low}ER", 0),
        Setting("DBCR1", f"IAC{first}{first + 1}M", 2),
    )
    use = SlotUse(BreakpointKind.HARDWARE, settings)
    enables = (FieldRef("DBCR0", low),)
    end = FieldRef(high, "ADDR")
    return Slot(f"{low}-{high}", (low, high), FieldRef(low, "ADDR"), (use,), enables, end, 4, kvm=False)


_READ_WRITE = {BreakpointKind.WRITE: (0, 1), BreakpointKind.READ: (1, 0), BreakpointKind.ACCESS: (1, 1)}


def _dac_use(kind: BreakpointKind, name: str, mode: int, spans: tuple[Span, ...], note: str = "") -> SlotUse:
    read, write = _READ_WRITE[kind]
    settings = (
        Setting("DBCR0", f"{name}R", read),
        Setting("DBCR0", f"{name}W", write),
        Setting("DBCR2", f"{name}US", 0),
        Setting("DBCR2", f"{name}ER", 0),
        Setting("DBCR2", "DAC12M", mode),
    )
    return SlotUse(kind, settings, spans, note)


def _dac_slot(n: int) -> Slot:
    name = f"DAC{n}"
    spans = tuple(Span(size, size) for size in (1, 2, 4, 8))
    uses = tuple(_dac_use(kind, name, 0, spans, _STARTS_AT) for kind in _READ_WRITE)
    enables = (FieldRef("DBCR0", f"{name}R"), FieldRef("DBCR0", f"{name}W"))
    return Slot(name, (name,), FieldRef(name, "ADDR"), uses, enables)


def _dac_range() -> Slot:
    uses = tuple(_dac_use(kind, "DAC1", 2, ()) for kind in _READ_WRITE)
    enables = (FieldRef("DBCR0", "DAC1R"), FieldRef("DBCR0", "DAC1W"))
    end = FieldRef("DAC2", "ADDR")
    return Slot("DAC1-DAC2", ("DAC1", "DAC2"), FieldRef("DAC1", "ADDR"), uses, enables, end, kvm=False)


def _book_e(variant: str) -> DebugLayout:
    core = _CORES[variant]
    registers = (
        _dbcr0(core),
        _dbcr1(core),
        _dbcr2(core),
        _dbsr(core),
        *(_compare(core, "IAC", n, 311 + n) for n in range(1, core.iacs + 1)),
        *(_compare(core, "DAC", n, 315 + n) for n in (1, 2)),
        *(_dvc(core, n) for n in range(1, core.dvcs + 1)),
        _MSR,
    )
    slots = (
        *(_iac_slot(n) for n in range(1, core.iacs + 1)),
        *(_iac_range(n) for n in range(1, core.iacs, 2)),
        *(_dac_slot(n) for n in (1, 2)),
        _dac_range(),
    )
    return DebugLayout(f"ppc:{variant}", registers, slots, kvm_debug_arch, (_IDM,))


def debug_layout(variant: str) -> DebugLayout:
    """Describe the debug registers of ``ppc:VARIANT``."""
    if variant in _CORES:
        return _book_e(variant)
    if variant in debugregs_40x.VARIANTS:
        return debugregs_40x.debug_layout(variant)
    return debugregs_book3s.debug_layout(variant)
