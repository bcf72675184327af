"""The packets gdb sends, as values; :mod:`kvmgdb.rsp.parsing` makes them.  GDB manual, "Packets"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from kvmgdb.arch.breakpoints import BreakpointKind


class ResumeKind(Enum):
    """What a ``vCont`` action asks for."""

    CONTINUE = "c"
    STEP = "s"
    RANGE = "r"
    """Steps until the program counter has left a range."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action of ``vCont``; ``c``, ``C``, ``s`` and ``S`` are spelled with it too."""

    kind: ResumeKind
    signal: int = 0
    thread: int | None = None
    """None (or -1 on the wire): every thread no earlier action names."""
    within: range | None = None
    """Of a range step."""


@dataclass(frozen=True, slots=True)
class HaltReason:
    """``?``."""


@dataclass(frozen=True, slots=True)
class ReadRegisters:
    """``g``."""


@dataclass(frozen=True, slots=True)
class WriteRegisters:
    """``G data``."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ReadRegister:
    """``p n``."""

    number: int


@dataclass(frozen=True, slots=True)
class WriteRegister:
    """``P n=value``."""

    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ReadMemory:
    """``m addr,length`` (hex reply) and ``x addr,length`` (binary reply)."""

    address: int
    length: int
    binary: bool = False


@dataclass(frozen=True, slots=True)
class WriteMemory:
    """``M addr,length:hex`` and ``X addr,length:binary``."""

    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class SearchMemory:
    """``qSearch:memory:address;length;pattern``."""

    address: int
    length: int
    pattern: bytes


@dataclass(frozen=True, slots=True)
class ChecksumMemory:
    """``qCRC:addr,length``."""

    address: int
    length: int


class InsertBreakpoint(NamedTuple):  # of which there may be 100,000, each parsed once
    """``Z type,addr,kind[;cond_list][;cmds:persist,cmd_list]``."""

    kind: BreakpointKind
    address: int
    length: int
    conditions: tuple[bytes, ...] = ()
    """Agent expressions: the guest stops where any of them is true, and where there is none."""
    commands: tuple[bytes, ...] = ()
    """Agent expressions to run there."""
    persist: bool = False
    """Whether the commands are to be run also while no gdb is attached."""


@dataclass(frozen=True, slots=True)
class RemoveBreakpoint:
    """``z type,addr,kind``."""

    kind: BreakpointKind
    address: int
    length: int


@dataclass(frozen=True, slots=True)
class Resume:
    """``vCont;…``, ``c``, ``C``, ``s``, ``S``."""

    actions: tuple[Action, ...]
    address: int | None = None
    """Where to resume, of the old packets only."""


@dataclass(frozen=True, slots=True)
class ResumeOffer:
    """``vCont?``."""


@dataclass(frozen=True, slots=True)
class Detach:
    """``D`` or ``D;pid``."""


@dataclass(frozen=True, slots=True)
class Kill:
    """``k`` (no reply) or ``vKill;pid`` (OK)."""

    wants_reply: bool


@dataclass(frozen=True, slots=True)
class Supported:
    """``qSupported:…``, the features gdb has."""

    features: frozenset[str]


@dataclass(frozen=True, slots=True)
class StartNoAckMode:
    """``QStartNoAckMode``."""


@dataclass(frozen=True, slots=True)
class ReadObject:
    """``qXfer:object:read:annex:offset,length``."""

    object: str
    annex: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class ThreadList:
    """``qfThreadInfo`` and ``qsThreadInfo``."""

    first: bool


@dataclass(frozen=True, slots=True)
class ThreadExtra:
    """``qThreadExtraInfo,id``."""

    thread: int


@dataclass(frozen=True, slots=True)
class CurrentThread:
    """``qC``."""


@dataclass(frozen=True, slots=True)
class SelectThread:
    """``H op id``: -1 is all threads, 0 any."""

    operation: str
    thread: int


@dataclass(frozen=True, slots=True)
class ThreadAlive:
    """``T id``."""

    thread: int


@dataclass(frozen=True, slots=True)
class Attached:
    """``qAttached``: whether the stub attached to something that was there before."""


@dataclass(frozen=True, slots=True)
class MustReplyEmpty:
    """``vMustReplyEmpty``: gdb tests that unknown packets get the empty reply."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """``qRcmd,hex``: the text after ``monitor``."""

    command: str


@dataclass(frozen=True, slots=True)
class PhysicalMemory:
    """``qqemu.PhyMemMode`` (None) and ``Qqemu.PhyMemMode:0|1``."""

    enable: bool | None


@dataclass(frozen=True, slots=True)
class StepFlags:
    """``qqemu.sstepbits``, ``qqemu.sstep`` and ``Qqemu.sstep=hex``, QEMU's stepping packets."""

    query: str = ""
    value: int | None = None


@dataclass(frozen=True, slots=True)
class HostInfo:
    """``qHostInfo`` and ``qProcessInfo``, LLDB's: which processor this is."""

    process: bool


@dataclass(frozen=True, slots=True)
class MemoryRegion:
    """``qMemoryRegionInfo:addr``, LLDB's: how far there is memory from an address on, or none."""

    address: int


@dataclass(frozen=True, slots=True)
class EnableErrorStrings:
    """``QEnableErrorStrings``, LLDB's: it shows the reason of an error."""


PacketValue = (
    HaltReason | ReadRegisters | WriteRegisters | ReadRegister | WriteRegister | ReadMemory
    | WriteMemory | SearchMemory | ChecksumMemory | InsertBreakpoint | RemoveBreakpoint | Resume
    | ResumeOffer | Detach | Kill | Supported | StartNoAckMode | ReadObject | ThreadList | ThreadExtra
    | CurrentThread | SelectThread | ThreadAlive | Attached | MustReplyEmpty | Monitor | PhysicalMemory
    | StepFlags | HostInfo | MemoryRegion | EnableErrorStrings
)  # fmt: skip
