"""Debug registers as data: named fields by mask, and the slots breakpoints go into.

A layout is a table.  Decoding, encoding, checking, the printed picture, the allocation of slots
(:mod:`kvmgdb.arch.slots`) and the target XML all follow from it.  Fields are masks and never bit
numbers: Power manuals count from the other end, and differently for 32 and 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.registers import ByteOrder
from kvmgdb.errors import KvmgdbError, PluginError

if TYPE_CHECKING:
    from kvmgdb.arch.slots import Assignment


@dataclass(frozen=True, slots=True)
class BitField:
    """One named field of a debug register."""

    name: str
    mask: int
    summary: str
    values: tuple[tuple[int, str], ...] = ()
    """What the values mean; where it is not empty, a value missing here is reserved."""
    active_low: bool = False
    """Whether 0 in the register means that the event happened (DR6.RTM)."""
    address: bool = False
    """Whether the field is an address: then its value is the masked register, not shifted down."""

    @property
    def shift(self) -> int:
        """How far the field's value is shifted up in the register."""
        return 0 if self.address else (self.mask & -self.mask).bit_length() - 1

    @property
    def limit(self) -> int:
        """The largest value the field holds."""
        return self.mask >> self.shift

    def get(self, register: int) -> int:
        """Read the field's value as the register holds it."""
        return (register & self.mask) >> self.shift

    def put(self, register: int, value: int) -> int:
        """``register`` with the field set to ``value``.

        Raises:
            KvmgdbError: ``value`` does not fit the field.
        """
        if value & ~self.limit or value < 0:
            raise KvmgdbError(f"{value:#x} does not fit the field {self.name} (mask {self.mask:#x})")
        return (register & ~self.mask) | (value << self.shift)

    def means(self, value: int) -> str:
        """Say what ``value`` stands for; empty where the table does not say."""
        return next((text for number, text in self.values if number == value), "")

    def is_set(self, register: int) -> bool:
        """Whether what the field reports holds, active-low fields turned round."""
        return bool(register & self.mask) is not self.active_low


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One field of a decoded register."""

    field: BitField
    value: int

    @property
    def is_set(self) -> bool:
        """Whether what the field reports holds."""
        return bool(self.value) is not self.field.active_low


@dataclass(frozen=True, slots=True)
class Cell:
    """A run of bits in the picture of a register, highest bits first."""

    high: int
    low: int
    name: str
    """Empty for bits without a name."""
    value: int


@dataclass(frozen=True)
class DebugRegister:
    """One debug register."""

    name: str
    bits: int
    summary: str
    source: str
    """Manual and section."""
    fields: tuple[BitField, ...]
    always_one: int = 0
    """Bits that read as one and must be written so."""
    reset: int = 0
    """The value with nothing armed and nothing reported."""
    number: int | None = None
    """Its number to the processor (``mtspr``); None where it has none."""

    def __post_init__(self) -> None:
        used = self.always_one
        for field in self.fields:
            if field.mask & used or field.mask <= 0 or field.mask >> self.bits:
                raise PluginError(
                    f"the layout of {self.name} is wrong: {field.name} (mask {field.mask:#x}) "
                    f"is outside its {self.bits} bits or shares bits with another field"
                )
            used |= field.mask
        if len(self.by_name) != len(self.fields):
            raise PluginError(f"the layout of {self.name} is wrong: it names a field twice")

    @cached_property
    def by_name(self) -> dict[str, BitField]:
        """Field name -> field."""
        return {field.name: field for field in self.fields}

    @cached_property
    def named(self) -> int:
        """All bits that belong to a field."""
        mask = 0
        for field in self.fields:
            mask |= field.mask
        return mask

    def rest(self, value: int) -> int:
        """Keep the bits of ``value`` that belong to no field."""
        return value & ~self.named

    def decode(self, value: int) -> dict[str, int]:
        """Field name -> value, in the table's order."""
        return {field.name: field.get(value) for field in self.fields}

    def encode(self, fields: Mapping[str, int], base: int | None = None) -> int:
        """Put ``fields`` into ``base`` (default: the reset value); return the register.

        Raises:
            KvmgdbError: a field the register does not have, or a value that does not fit.
        """
        value = self.reset if base is None else base
        for name, content in fields.items():
            if name not in self.by_name:
                raise KvmgdbError(f"{self.name} has no field {name!r}: it has {', '.join(self.by_name)}")
            value = self.by_name[name].put(value, content)
        return value

    def problems(self, value: int) -> list[str]:
        """Say what is wrong with ``value``; empty where a processor could hold it."""
        found = []
        if value >> self.bits:
            found.append(f"{self.name} has {self.bits} bits and {value:#x} needs more")
        missing = self.always_one & ~value
        if missing:
            found.append(f"{self.name} lacks bits that always read as one: {missing:#x}")
        reserved = self.rest(value) & ~self.always_one & ((1 << self.bits) - 1)
        if reserved:
            found.append(f"{self.name} has reserved bits set: {reserved:#x}")
        found.extend(
            f"{self.name}.{field.name} has the reserved value {field.get(value)}"
            for field in self.fields
            if field.values and not field.means(field.get(value))
        )
        return found

    def fields_of(self, value: int) -> Iterator[FieldValue]:
        """List the fields with their values, in the table's order."""
        return (FieldValue(field, field.get(value)) for field in self.fields)

    def picture(self, value: int) -> list[Cell]:
        """Every bit once, highest first: fields by name, the bits between them in runs."""
        cells: list[Cell] = []
        low = self.bits
        for field in sorted(self.fields, key=lambda f: f.mask, reverse=True):
            top = field.mask.bit_length() - 1
            bottom = (field.mask & -field.mask).bit_length() - 1
            cells.extend(_gap(value, low - 1, top + 1))
            cells.append(Cell(top, bottom, field.name, (value & field.mask) >> bottom))
            low = bottom
        cells.extend(_gap(value, low - 1, 0))
        return cells


def _gap(value: int, high: int, low: int) -> Iterator[Cell]:
    if high >= low:
        yield Cell(high, low, "", (value >> low) & ((1 << (high - low + 1)) - 1))


@dataclass(frozen=True, slots=True)
class Setting:
    """A field's value that a slot needs."""

    register: str
    field: str
    value: int


@dataclass(frozen=True, slots=True)
class Span:
    """A length one slot can cover, and what says so in the control registers."""

    length: int
    alignment: int
    settings: tuple[Setting, ...] = ()
    within: int = 0
    """The span must not cross a multiple of this; 0: no such rule."""

    def fits(self, start: int) -> bool:
        """Whether the span can begin at ``start``."""
        if start % self.alignment:
            return False
        return not self.within or start // self.within == (start + self.length - 1) // self.within


@dataclass(frozen=True, slots=True)
class SlotUse:
    """One kind of breakpoint a slot can hold."""

    kind: BreakpointKind
    settings: tuple[Setting, ...]
    spans: tuple[Span, ...] = ()
    """Ascending; empty for a range, which covers any length."""
    note: str = ""
    """What the hardware does not do as the kind promises; empty where it does."""


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field of a register, by names."""

    register: str
    field: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one breakpoint: an address register, or two that bound a range."""

    name: str
    holds: tuple[str, ...]
    """The address registers it takes; slots that share one exclude each other."""
    address: FieldRef
    uses: tuple[SlotUse, ...]
    enables: tuple[FieldRef, ...]
    """The slot is armed when any of these is not zero."""
    end: FieldRef | None = None
    """Where a range puts the first address past its end."""
    grain: int = 1
    """What a range's bounds are multiples of."""
    kvm: bool = True
    """Whether KVM_SET_GUEST_DEBUG can arm it."""

    def use(self, kind: BreakpointKind) -> SlotUse | None:
        """How the slot holds a breakpoint of ``kind``; None if it cannot."""
        return next((use for use in self.uses if use.kind is kind), None)


KvmDebugArch = Callable[["Assignment", ByteOrder], bytes]
"""Makes ``struct kvm_guest_debug_arch`` for an assignment, in the host's byte order."""


@dataclass(frozen=True)
class DebugLayout:
    """The debug registers of one machine, and its slots."""

    arch: str
    """``x86:64``, ``ppc:440``."""
    registers: tuple[DebugRegister, ...]
    slots: tuple[Slot, ...]
    """In the order they are given away."""
    kvm_debug_arch: KvmDebugArch
    common: tuple[Setting, ...] = ()
    """What is needed besides, as soon as one slot is armed (DBCR0.IDM)."""

    @cached_property
    def by_name(self) -> dict[str, DebugRegister]:
        """Register name -> register."""
        return {register.name: register for register in self.registers}

    @cached_property
    def slot_by_name(self) -> dict[str, Slot]:
        """Slot name -> slot."""
        return {slot.name: slot for slot in self.slots}

    def find(self, name: str) -> DebugRegister | None:
        """Find the register called ``name``, in any case."""
        return self.by_name.get(name.upper())
