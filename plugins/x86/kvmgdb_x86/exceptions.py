"""The exceptions of the processor (SDM vol. 3, "Exception and Interrupt Reference")."""

from __future__ import annotations

from dataclasses import dataclass

from kvmgdb.arch.stops import GuestException, Signal

DEBUG = 1
BREAKPOINT = 3
OVERFLOW = 4
INVALID_OPCODE = 6
DOUBLE_FAULT = 8
INVALID_TSS = 10
SEGMENT_NOT_PRESENT = 11
STACK_SEGMENT = 12
GENERAL_PROTECTION = 13
PAGE_FAULT = 14

SHORT_FORMS = {BREAKPOINT: b"\xcc", OVERFLOW: b"\xce"}
"""INT3 and INTO; any other software interrupt is INT n, which is two bytes."""
NO_FAULTS = frozenset({1, 2, 3, 4, 8, 18})
"""Traps, aborts, the NMI, and #DB, which is a fault or a trap: the other vectors are faults."""
_CONTRIBUTORY = frozenset({0, INVALID_TSS, SEGMENT_NOT_PRESENT, STACK_SEGMENT, GENERAL_PROTECTION, 21})


def is_double(first: int, second: int) -> bool:
    """Whether ``second``, raised while ``first`` is delivered, makes a double fault of the two (SDM vol. 3,
    "Conditions for Generating a Double Fault"); else it is delivered in place of it.
    """
    if first == PAGE_FAULT:
        return second == PAGE_FAULT or second in _CONTRIBUTORY
    return first in _CONTRIBUTORY and second in _CONTRIBUTORY


@dataclass(frozen=True, slots=True)
class Vector:
    """One row of the SDM's table "Protected-Mode Exceptions and Interrupts"."""

    name: str
    signal: Signal
    error_code: bool = False


VECTORS = {
    0: Vector("#DE divide error", Signal.FPE),
    1: Vector("#DB debug exception", Signal.TRAP),
    2: Vector("NMI", Signal.TRAP),
    3: Vector("#BP breakpoint", Signal.TRAP),
    4: Vector("#OF overflow", Signal.SEGV),
    5: Vector("#BR bound range exceeded", Signal.SEGV),
    6: Vector("#UD invalid opcode", Signal.ILL),
    7: Vector("#NM device not available", Signal.FPE),
    8: Vector("#DF double fault", Signal.ABRT, error_code=True),
    10: Vector("#TS invalid TSS", Signal.SEGV, error_code=True),
    11: Vector("#NP segment not present", Signal.BUS, error_code=True),
    12: Vector("#SS stack-segment fault", Signal.BUS, error_code=True),
    13: Vector("#GP general protection", Signal.SEGV, error_code=True),
    14: Vector("#PF page fault", Signal.SEGV, error_code=True),
    16: Vector("#MF x87 floating-point error", Signal.FPE),
    17: Vector("#AC alignment check", Signal.BUS, error_code=True),
    18: Vector("#MC machine check", Signal.BUS),
    19: Vector("#XM SIMD floating-point exception", Signal.FPE),
    21: Vector("#CP control protection", Signal.SEGV, error_code=True),
}


def make(number: int, pc: int, return_pc: int, fault_address: int | None = None) -> GuestException:
    """The exception of vector ``number``, raised by the instruction at linear ``pc``."""
    vector = VECTORS.get(number, Vector(f"interrupt {number:#x}", Signal.TRAP))
    detail = f", for address {fault_address:#x}" if fault_address is not None else ""
    return GuestException(
        vector=number,
        name=vector.name,
        signal=vector.signal,
        pc=pc,
        return_pc=return_pc,
        detail=detail,
        address=fault_address,
        debug=number in (DEBUG, BREAKPOINT),
        trap=number == BREAKPOINT,
    )
