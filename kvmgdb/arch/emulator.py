"""What the emulator backend must know of an architecture.

The backend owns the run loop, breakpoints, watchpoints and memory; a port owns everything that has the
architecture's registers in it.  ``engine`` is a ``unicorn.Uc`` throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.machine import DeviceRegion, Devices, Extent, Region, StartState
from kvmgdb.arch.stops import GuestException

Engine = Any
"""A ``unicorn.Uc``; typed loosely because the contract must not import the emulator."""

Read = Callable[[int, int], bytes]
"""Reads guest-physical memory: (address, length) -> bytes; raises MemoryFault."""


@dataclass(frozen=True, slots=True)
class ComputedRegister:
    """A register the engine does not have under a number of its own."""

    read: Callable[[Engine, Read], int]
    write: Callable[[Engine, int], None] | None
    """None: read only."""


class Mark(Enum):
    """Why an instruction must be seen."""

    HALT = "halt"
    """It stops the processor until an interrupt, and the engine returns from it without a word."""
    DEBUG_WRITE = "debug write"
    """It writes a debug register: what the guest watches may change."""
    DEBUG_CHECK = "debug check"
    """It may raise a debug exception by what the debug registers hold already; seen while the port is
    ``alert``."""


@dataclass(frozen=True, slots=True)
class GuestPoint:
    """A breakpoint or watchpoint of the guest's own."""

    kind: BreakpointKind
    """``HARDWARE`` for an instruction, else a watch (of I/O ports: ``ACCESS``)."""
    address: int
    length: int
    """Bytes; more than one instruction's is a range of them."""
    slot: int
    """Which of its debug registers, from 0."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why an exception cannot be delivered to the guest."""

    reason: str
    """A clause."""
    shutdown: bool = False
    """Whether the guest's processor would shut down for it."""


class EmulatedMachine(Devices, Protocol):
    """What a port tells while the guest runs."""

    def touched(self, points: Sequence[GuestPoint]) -> None:
        """The instruction being executed touches these points of the guest's, where no memory is (x86: I/O
        ports): its debug exception comes when it is done.
        """
        ...


class EmulatorPort(Protocol):
    """One architecture on the emulator.  One object serves one guest and may keep state."""

    direct: Mapping[str, int]
    """Register name -> the engine's own register number: read as it is, and written so too unless it
    is in ``computed`` as well."""
    computed: Mapping[str, ComputedRegister]
    """The other registers of the register file."""
    jump_to_next: bytes
    """A jump to the instruction behind it: the shortest block there is."""
    load_targets: tuple[int, ...]
    """Engine numbers of the registers a load may have changed already when the engine is stopped in the
    hook that sees it."""
    debug_registers: frozenset[str]
    """The registers :meth:`guest_points` depends on."""
    regions: tuple[Region, ...]
    """Memory the machine has besides the guest's RAM (start-up tables, scratch)."""
    devices: tuple[DeviceRegion, ...]
    """Address ranges that are memory-mapped devices."""

    def create(self) -> Engine:
        """A new engine with its processor model chosen; memory is mapped by the backend."""
        ...

    def connect(self, engine: Engine, machine: EmulatedMachine) -> None:
        """Install the console and the exit device."""
        ...

    def reset(self, engine: Engine, start: StartState, memory: Callable[[int, bytes], None]) -> None:
        """Put the processor into its start state; ``memory(address, data)`` writes the port's own
        regions (and nothing else).
        """
        ...

    def marked(self, start: int, code: bytes) -> list[tuple[int, Mark]]:
        """The instructions of one translated block (``code``, at linear ``start``) that the backend must
        see executed.  An address at which no instruction turns out to start does no harm.
        """
        ...

    def guest_points(self, engine: Engine) -> list[GuestPoint]:
        """What the guest has armed in its debug registers and the engine does not watch by itself."""
        ...

    def debug_exception(
        self, engine: Engine, points: Sequence[GuestPoint], read: Read
    ) -> GuestException | None:
        """The guest reached these of its own points: note it in the status register, as the processor
        does, and say which exception it is; None where its processor takes none now.
        """
        ...

    @property
    def alert(self) -> bool:
        """Whether :meth:`before` or :meth:`after` may have something to say: then they are asked at every
        instruction that has a ``DEBUG_`` mark, and ``before`` at every single step.
        """
        ...

    def before(self, engine: Engine, read: Read) -> GuestException | None:
        """The debug exception that the instruction at the program counter raises instead of being executed,
        by what the debug registers hold; noted in the status register.
        """
        ...

    def after(self, engine: Engine, read: Read) -> GuestException | None:
        """The debug exception that comes of an event that is recorded, now that an instruction has enabled it
        or an exception has been delivered.
        """
        ...

    def resume_pc(self, engine: Engine) -> int:
        """The value the engine's start call wants: the program counter register."""
        ...

    def linear_pc(self, engine: Engine, read: Read) -> int:
        """Linear (virtual) address of the next instruction."""
        ...

    def translate(self, engine: Engine, address: int, read: Read) -> Extent | None:
        """Guest-virtual to guest-physical through the current translation, changing nothing in the
        guest; None where nothing is mapped.
        """
        ...

    def exception(self, engine: Engine, number: int, read: Read) -> GuestException | None:
        """What the engine's interrupt callback with ``number`` means; None where the guest's processor would
        not raise it, and the instruction is to be executed.
        """
        ...

    def deliver(self, engine: Engine, exception: GuestException, read: Read) -> Obstacle | None:
        """Hand the exception the last run ended with to the guest's own handler, as the processor
        would; None when done, else why it cannot be.
        """
        ...

    def keep(self, engine: Engine, exception: GuestException) -> None:
        """The debugger has got this exception in place of the guest: see that it is not raised again when
        the guest goes on.
        """
        ...

    def invalid_instruction(self, engine: Engine, read: Read) -> GuestException:
        """What an instruction the engine cannot decode means."""
        ...
