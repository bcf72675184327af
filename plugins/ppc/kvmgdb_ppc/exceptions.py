"""The exceptions of the processor, by the numbers the emulator's interrupt callback gives.

Names are those of Power ISA, book III, "Interrupt Definitions".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kvmgdb.arch.stops import GuestException, Signal
from kvmgdb_ppc.instructions import is_floating, is_trap

DATA_STORAGE, INSTRUCTION_STORAGE = 2, 3
ALIGNMENT = 5
PROGRAM = 6
FLOATING_POINT = 7
SYSTEM_CALL = 8
DATA_TLB, INSTRUCTION_TLB = 13, 14
DEBUG = 15
SPE_UNAVAILABLE = 32
TRACE = 68
VECTOR_UNAVAILABLE = 73
INSTRUCTION_MISS, DATA_LOAD_MISS, DATA_STORE_MISS = 78, 79, 80
ILLEGAL = 96
INSTRUCTION_BREAKPOINT = 256
"""The engine never raises this one: a number of ours."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """One row."""

    name: str
    signal: Signal
    after: bool = False
    """Whether the return address is that of the next instruction."""


INTERRUPTS = {
    0: Interrupt("critical input", Signal.TRAP),
    1: Interrupt("machine check", Signal.BUS),
    2: Interrupt("data storage", Signal.SEGV),
    3: Interrupt("instruction storage", Signal.SEGV),
    4: Interrupt("external input", Signal.TRAP),
    5: Interrupt("alignment", Signal.BUS),
    6: Interrupt("program (privileged instruction)", Signal.ILL),
    7: Interrupt("floating-point unavailable", Signal.FPE),
    8: Interrupt("system call", Signal.SYS, after=True),
    10: Interrupt("decrementer", Signal.TRAP),
    13: Interrupt("data TLB error", Signal.SEGV),
    14: Interrupt("instruction TLB error", Signal.SEGV),
    15: Interrupt("debug", Signal.TRAP),
    32: Interrupt("SPE unavailable", Signal.FPE),
    68: Interrupt("trace", Signal.TRAP),
    73: Interrupt("AltiVec unavailable", Signal.FPE),
    78: Interrupt("instruction TLB miss", Signal.SEGV),
    79: Interrupt("data load TLB miss", Signal.SEGV),
    80: Interrupt("data store TLB miss", Signal.SEGV),
    256: Interrupt("instruction address breakpoint", Signal.TRAP),
    96: Interrupt("program (illegal instruction)", Signal.ILL),
}

TRAP = Interrupt("program (trap)", Signal.TRAP)
FLOATING = Interrupt("program (floating-point exception)", Signal.FPE)
_CAUSES = {
    INTERRUPTS[ILLEGAL].name: "illegal",
    INTERRUPTS[PROGRAM].name: "privileged",
    TRAP.name: "trap",
    FLOATING.name: "floating",
}


def make_debug(number: int, pc: int) -> GuestException:
    """A debug event that the instruction at ``pc`` meets before it is executed."""
    found = make(number, pc, word=0, fault_address=None)
    name = "data address breakpoint" if number == DATA_STORAGE else found.name
    return replace(found, name=name, signal=Signal.TRAP, return_pc=pc, debug=True)


def cause(exception: GuestException) -> str:
    """Why it is a program interrupt: ``illegal``, ``privileged``, ``trap``, ``floating``; empty for any
    other.
    """
    return _CAUSES.get(exception.name, "")


def make(number: int, pc: int, word: int, fault_address: int | None) -> GuestException:
    """The exception ``number``, raised by the instruction ``word`` at ``pc``."""
    row = INTERRUPTS.get(number, Interrupt(f"interrupt {number}", Signal.TRAP))
    if number == PROGRAM and is_trap(word):
        row = TRAP
    elif number == PROGRAM and is_floating(word):
        row = FLOATING
    detail = f", for address {fault_address:#x}" if fault_address is not None else ""
    return GuestException(
        vector=number,
        name=row.name,
        signal=row.signal,
        pc=pc,
        return_pc=pc + 4 if row.after else pc,
        detail=detail,
        address=fault_address,
        debug=row is TRAP or number in (DEBUG, TRACE),
        trap=row is TRAP,
    )
