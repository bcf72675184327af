"""An exception on its way to its handler, and the state of the processor its way depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kvmgdb_x86 import exceptions
from kvmgdb_x86.modes import EFER_LMA

EFLAGS_RF, EFLAGS_VM = 1 << 16, 1 << 17


@dataclass(frozen=True, slots=True)
class TaskState:
    """TR: the task-state segment with the stacks of the inner levels."""

    selector: int
    base: int
    limit: int
    wide: bool = True
    """A 32-bit (in long mode a 64-bit) TSS, not the 80286's."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """The state delivery depends on."""

    cr0: int
    efer: int
    eflags: int
    cpl: int
    idt: tuple[int, int]
    """IDTR: base, limit."""
    gdt: tuple[int, int]
    ldt: tuple[int, int]
    tss: TaskState
    stack_base: int
    stack_pointer: int
    stack_wide: bool = True
    """B of SS: the stack pointer is ESP, not SP."""

    @property
    def long(self) -> bool:
        """IA-32e mode."""
        return bool(self.efer & EFER_LMA)

    @property
    def virtual_8086(self) -> bool:
        """EFLAGS.VM."""
        return bool(self.eflags & EFLAGS_VM)


@dataclass(frozen=True, slots=True)
class Event:
    """An exception on its way to its handler."""

    vector: int
    error_code: int = 0
    software: bool = False
    """INT n, INT3, INTO: may not pass a gate more privileged than the program, and pushes no error code."""
    address: int | None = None
    """What CR2 is to be, of a page fault."""

    @property
    def pushes_error_code(self) -> bool:
        """Whether the frame holds one (protected mode only)."""
        row = exceptions.VECTORS.get(self.vector)
        return row is not None and row.error_code and not self.software

    @property
    def pushes_rf(self) -> bool:
        """Whether RF is set in the image of EFLAGS: of every fault but #DB (SDM vol. 3,
        "Instruction-Breakpoint Exception Condition").
        """
        return not self.software and self.vector not in exceptions.NO_FAULTS


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """No handler can be entered."""

    reason: str
    """A clause."""
    shutdown: bool
    """Whether the processor would shut down (a triple fault)."""


class Memory(Protocol):
    """Guest memory by linear address."""

    def read(self, address: int, length: int) -> bytes | None:
        """Bytes; None unless all of them are there."""
        ...

    def fault(self, address: int, length: int, *, write: bool) -> tuple[int, int] | None:
        """The page fault a supervisor's access raises: address and error code."""
        ...

    def is_canonical(self, address: int) -> bool:
        """Whether an address is one at all, in long mode."""
        ...


class Fault(Exception):  # noqa: N818 - what the processor calls it
    """Something is wrong on the way: the exception that follows from it, None where the processor would go
    on and only we cannot.
    """

    def __init__(self, text: str, event: Event | None) -> None:
        super().__init__(text)
        self.event = event
