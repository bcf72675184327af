"""Why a guest stopped: what a backend reports, whatever the backend and the architecture."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import NamedTuple

from kvmgdb.arch.breakpoints import BreakpointKind


class Signal(IntEnum):
    """The signals a stop reply names (gdb's own numbers: ``include/gdb/signals.def``)."""

    NONE = 0
    INT = 2
    ILL = 4
    TRAP = 5
    ABRT = 6
    FPE = 8
    KILL = 9
    BUS = 10
    SEGV = 11
    SYS = 12
    TERM = 15
    STOP = 17


class StopKind(Enum):
    """What ended a run; the values are what ``monitor exits`` prints."""

    STEP = "step"
    BREAKPOINT = "breakpoint"
    WATCHPOINT = "watchpoint"
    EXCEPTION = "exception"
    UNMAPPED = "unmapped"
    HALT = "halt"
    SHUTDOWN = "shutdown"
    INTERRUPT = "interrupt"
    EXIT = "exit"


class Stop(NamedTuple):
    """One stop of the guest; registers are read separately, and only those asked for.

    A tuple, because one is made at every step, and a frozen dataclass takes three times as long to make.
    """

    kind: StopKind
    pc: int
    """Linear address of the next instruction."""
    signal: Signal = Signal.TRAP
    reason: str = ""
    """One sentence for people."""
    address: int | None = None
    """The data address of a watchpoint hit, the code address of a breakpoint, the address that is
    not mapped."""
    breakpoint: BreakpointKind | None = None
    instruction: int | None = None
    """The breakpoint instruction that raised an exception."""
    status: int | None = None
    """What the guest gave its exit device."""


@dataclass(frozen=True, slots=True)
class GuestException:
    """An exception the guest's processor raised, before anybody has decided whose it is."""

    vector: int
    name: str
    """The manual's name with its mnemonic: ``#DE divide error``, ``program (illegal instruction)``."""
    signal: Signal
    pc: int
    """Linear address of the instruction that raised it."""
    return_pc: int
    """What the handler would return to, as the program counter register holds it."""
    error_code: int | None = None
    detail: str = field(default="")
    address: int | None = None
    """The data address a page fault names."""
    debug: bool = False
    """Whether it is a debug event (a trap instruction, a step, a debug register): policy decides whose."""
    trap: bool = False
    """Whether the instruction at ``pc`` is a breakpoint instruction: then a debugger may have written it."""
