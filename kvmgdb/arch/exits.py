"""Debug exits: what a payload says, what was armed, and whose the event is.

A decoder turns payload bytes into a :class:`DecodedExit` without knowing anything else; with what was
armed (:class:`Armed`) it gives a :class:`Verdict`.  What cannot be known from that is said, with what
would decide it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Protocol

from kvmgdb.arch.arming import ArmedSlot
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.layout import DebugLayout, DebugRegister
from kvmgdb.arch.registers import ByteOrder
from kvmgdb.errors import PayloadError


class Event(Enum):
    """What a debug exit reports; the values are what is printed and counted."""

    STEP = "step"
    SOFTWARE_BREAKPOINT = "software breakpoint"
    HARDWARE_BREAKPOINT = "hardware breakpoint"
    WATCHPOINT = "watchpoint"
    IO_BREAKPOINT = "I/O breakpoint"
    DEBUG_REGISTER_ACCESS = "debug-register access"
    TASK_SWITCH = "task switch"
    BUS_LOCK = "bus lock"
    STEP_OR_SOFTWARE_BREAKPOINT = "step or software breakpoint"
    UNKNOWN = "unknown"


class Owner(Enum):
    """Whose a debug event is."""

    OURS = "ours"
    """What was armed from outside explains it."""
    NOT_OURS = "not ours"
    """Nothing that was armed explains it: the guest's own, or the policy's to decide."""
    UNKNOWN = "unknown"
    """What was armed is not known, or does not decide it."""


@dataclass(frozen=True, slots=True)
class Quirk:
    """Something in a payload that is not what it seems."""

    code: str
    """A stable name: ``stale-dr6``."""
    text: str
    field: str = ""
    """The payload field it is about, where it is about one."""


@dataclass(frozen=True, slots=True)
class PayloadField:
    """One field of the payload structure, under the kernel's name."""

    name: str
    offset: int
    size: int
    register: DebugRegister | None = None
    """What its bits mean; None for a plain number."""
    address: bool = False
    """Whether it is a code or data address."""


_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


@dataclass(frozen=True)
class PayloadForm:
    """``struct kvm_debug_exit_arch`` of one architecture."""

    arch: str
    fields: tuple[PayloadField, ...]
    """In the order of their offsets."""

    @cached_property
    def size(self) -> int:
        """Bytes from the start to the end of the last field."""
        return max((field.offset + field.size for field in self.fields), default=0)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The fields' names, in order."""
        return tuple(field.name for field in self.fields)

    @cached_property
    def _structs(self) -> dict[ByteOrder, struct.Struct]:
        form, at = "", 0
        for field in self.fields:
            form += f"{field.offset - at}x{_CODES[field.size]}"
            at = field.offset + field.size
        return {"little": struct.Struct("<" + form), "big": struct.Struct(">" + form)}

    def unpack(self, payload: bytes, byteorder: ByteOrder) -> dict[str, int]:
        """Read the fields: name -> value.

        Raises:
            PayloadError: the payload is too short; the message names the field that is cut off.
        """
        try:
            return dict(zip(self.names, self._structs[byteorder].unpack_from(payload), strict=True))
        except struct.error:
            raise PayloadError(self._cut_off(len(payload))) from None

    def _cut_off(self, length: int) -> str:
        field = next(f for f in self.fields if f.offset + f.size > length)
        return (
            f"the {self.arch} payload ends at byte {length}, inside {field.name} "
            f"(bytes {field.offset} to {field.offset + field.size - 1}): it needs {self.size} bytes"
        )

    def pack(self, values: Mapping[str, int], byteorder: ByteOrder) -> bytes:
        """Make a payload; fields that are not named are 0.

        Raises:
            PayloadError: an unknown name, or a value that does not fit.
        """
        try:
            data = self._structs[byteorder].pack(*(values.get(name, 0) for name in self.names))
        except struct.error:
            wrong = next(f for f in self.fields if not 0 <= values.get(f.name, 0) < 1 << (8 * f.size))
            text = f"{wrong.name} has {wrong.size} bytes and {values[wrong.name]:#x} does not fit"
            raise PayloadError(text) from None
        for name in values:
            if name not in self.names:
                raise PayloadError(
                    f"the {self.arch} payload has no field {name!r}: it has {', '.join(self.names)}"
                )
        return data


@dataclass(frozen=True, slots=True)
class Hit:
    """One event a payload reports."""

    event: Event
    slot: str = ""
    """The slot's number or name as the payload gives it; empty where it gives none."""


@dataclass(frozen=True, slots=True)
class DecodedExit:
    """What the payload alone says."""

    form: PayloadForm
    values: dict[str, int]
    hits: tuple[Hit, ...]
    """The events reported, the most telling first; empty where the payload names none."""
    pc: int | None
    """Linear address of the next instruction, where the payload has it."""
    quirks: tuple[Quirk, ...] = ()


@dataclass(frozen=True, slots=True)
class Armed:
    """What was armed from outside when the guest ran; None where that is not known."""

    slots: tuple[ArmedSlot, ...] | None = None
    software: Set[int] | None = None
    """Addresses of software breakpoints."""
    stepping: bool | None = None
    pc: int | None = None
    """The pc register after the exit, for payloads that do not have it."""

    def slot(self, name: str) -> ArmedSlot | None:
        """Find what is armed in the slot ``name``."""
        return next((armed for armed in self.slots or () if armed.slot == name), None)


NOTHING_KNOWN = Armed()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happened and whose it is."""

    event: Event
    owner: Owner
    sentence: str
    """For people; starts with a small letter and has no full stop."""
    pc: int | None = None
    slot: str | None = None
    kind: BreakpointKind | None = None
    address: int | None = None
    """What was armed: the breakpoint's address, or the watched one."""
    length: int | None = None
    decide: str = ""
    """What would decide an owner or an event that is not certain; empty where they are."""
    before: bool = False
    """Whether the instruction that did it is the one before ``pc`` (x86 watchpoints, steps)."""
    quirks: tuple[Quirk, ...] = ()


class ExitDecoder(Protocol):
    """One architecture's debug exits."""

    @property
    def form(self) -> PayloadForm:
        """The payload structure."""
        ...

    @property
    def layout(self) -> DebugLayout:
        """The debug registers the slots are of."""
        ...

    @property
    def byteorders(self) -> tuple[ByteOrder, ...]:
        """The byte orders its hosts write payloads in, the usual one first."""
        ...

    def plausible(self, payload: bytes, byteorder: ByteOrder) -> bool:
        """Tell whether bytes of unknown origin look like a payload of this architecture."""
        ...

    def decode(self, payload: bytes, byteorder: ByteOrder) -> DecodedExit:
        """Read a payload; bytes after it are ignored.

        Raises:
            PayloadError: it is too short.
        """
        ...

    def verdict(self, decoded: DecodedExit, armed: Armed) -> Verdict:
        """Say what happened and whose it is."""
        ...
