"""Breakpoints as the protocol names them, and what an architecture says of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class BreakpointKind(IntEnum):
    """The type digit of a ``Z`` packet (GDB manual, "Packets")."""

    label: str
    """The name in messages."""
    is_watch: bool
    """Whether it watches data."""

    SOFTWARE = 0, "software breakpoint"
    HARDWARE = 1, "hardware breakpoint"
    WRITE = 2, "write watchpoint"
    READ = 3, "read watchpoint"
    ACCESS = 4, "access watchpoint"

    def __new__(cls, digit: int, label: str) -> BreakpointKind:
        """A member, with what is asked of it often at hand."""
        member = int.__new__(cls, digit)
        member._value_ = digit
        member.label = label
        member.is_watch = digit > 1
        return member


@dataclass(frozen=True, slots=True)
class TrapInstruction:
    """An instruction a debugger writes into memory to stop there."""

    name: str
    code: bytes
    pc_after: int
    """How far past the instruction's start the pc is when the trap is reported."""


@dataclass(frozen=True, slots=True)
class BreakpointEncoding:
    """How an architecture encodes breakpoints."""

    traps: tuple[TrapInstruction, ...]
    """The one gdb writes today comes first; older ones follow, so that they are recognised too."""
    instruction_alignment: int
    """1 where instructions start anywhere, 4 where on words only."""
    watch_before: bool
    """Whether a data watchpoint is reported before the access (PowerPC) or after it (x86).  gdb
    knows it by architecture: told of a PowerPC watchpoint, it steps over the access before it
    looks at the value."""
    max_watch: int = 8
    """Longest watch one debug register can hold, in bytes."""

    def kind_error(self, kind: BreakpointKind, address: int, length: int) -> str | None:
        """Why ``(address, length)`` cannot be a breakpoint of ``kind``; None if it can."""
        if kind.is_watch:
            return None if length > 0 else f"a {kind.label} of {length} bytes watches nothing"
        if address % self.instruction_alignment:
            return (
                f"a {kind.label} at {address:#x} is not on an instruction: "
                f"addresses are multiples of {self.instruction_alignment}"
            )
        return None
