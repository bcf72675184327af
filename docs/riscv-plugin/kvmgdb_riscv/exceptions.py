"""The exceptions of the processor, and what it does when it takes one.

Privileged architecture: "Machine Cause Register (mcause)", table of causes; "Machine Trap Delegation
Registers"; "Privilege and Global Interrupt-Enable Stack in mstatus register".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kvmgdb.arch.stops import GuestException, Signal

ILLEGAL, BREAKPOINT, CALL = 2, 3, 8
USER, SUPERVISOR, MACHINE = 0, 1, 3
MODES = {USER: "user", SUPERVISOR: "supervisor", MACHINE: "machine"}

CAUSES = {
    0: ("instruction address misaligned", Signal.BUS),
    1: ("instruction access fault", Signal.SEGV),
    ILLEGAL: ("illegal instruction", Signal.ILL),
    BREAKPOINT: ("breakpoint", Signal.TRAP),
    4: ("load address misaligned", Signal.BUS),
    5: ("load access fault", Signal.SEGV),
    6: ("store address misaligned", Signal.BUS),
    7: ("store access fault", Signal.SEGV),
    CALL + USER: ("environment call from user mode", Signal.SYS),
    CALL + SUPERVISOR: ("environment call from supervisor mode", Signal.SYS),
    CALL + MACHINE: ("environment call from machine mode", Signal.SYS),
    12: ("instruction page fault", Signal.SEGV),
    13: ("load page fault", Signal.SEGV),
    15: ("store page fault", Signal.SEGV),
}


def make(cause: int, pc: int) -> GuestException:
    """The exception ``cause`` of the instruction at ``pc``, which is also where its handler returns to."""
    name, signal = CAUSES.get(cause, (f"exception {cause}", Signal.TRAP))
    is_breakpoint = cause == BREAKPOINT
    return GuestException(cause, name, signal, pc, return_pc=pc, debug=is_breakpoint, trap=is_breakpoint)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the processor changes when it takes an exception."""

    mode: int
    pc: int
    csrs: dict[str, int]


NEEDED = ("mstatus", "medeleg", "mtvec", "stvec")
"""The CSRs that :func:`entry` depends on."""


def entry(exception: GuestException, mode: int, csrs: Mapping[str, int]) -> Entry:
    """How the processor in ``mode`` takes ``exception``; ``csrs`` holds :data:`NEEDED`.

    mtval and stval become 0, which the architecture allows where a processor does not say more.
    """
    delegated = mode != MACHINE and csrs["medeleg"] >> exception.vector & 1
    target, prefix = (SUPERVISOR, "s") if delegated else (MACHINE, "m")
    return Entry(
        target,
        csrs[f"{prefix}tvec"] & ~3,
        {
            "mstatus": _stacked(csrs["mstatus"], mode, target),
            f"{prefix}epc": exception.return_pc,
            f"{prefix}cause": exception.vector,
            f"{prefix}tval": 0,
        },
    )


def _stacked(mstatus: int, mode: int, target: int) -> int:
    """Push the state that is left: xPIE becomes xIE, xIE 0, xPP the mode."""
    enable, previous = 1 << target, 1 << target + 4
    previous_mode, place = (3 << 11, 11) if target == MACHINE else (1 << 8, 8)
    stacked = mstatus & ~(enable | previous | previous_mode) | mode << place
    return stacked | (previous if mstatus & enable else 0)
