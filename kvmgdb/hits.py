"""What a hit comes to: conditions that are evaluated here, commands that are run here.

A backend asks at every hit, while the guest stands there, so that a condition that is false costs no stop.
GDB manual, "Packets" (``Z0``: ``cond_list``, ``cmd_list``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from kvmgdb.backends.base import HitTest
from kvmgdb.breakpoints import Breakpoint
from kvmgdb.conditions.machine import EvaluationError
from kvmgdb.errors import MemoryFault, RspError
from kvmgdb.guest import Guest


@dataclass(slots=True)
class HitMachine:
    """The guest at a hit, as expressions see it (:class:`kvmgdb.conditions.machine.PrintingMachine`)."""

    guest: Guest
    say: Callable[[bytes], None]
    """Shows what commands print."""
    variables: dict[int, int] = field(default_factory=dict)

    def register(self, number: int) -> int:
        """One register by gdb's number."""
        register = self.guest.arch.registers.by_number.get(number)
        if register is None:
            raise RspError(f"there is no register number {number}")
        [value] = self.guest.backend.read_registers((register.name,))
        return value & ((1 << register.bits) - 1)

    def read(self, address: int, length: int) -> bytes:
        """Memory as the guest sees it."""
        backend = self.guest.backend
        found = backend.translate(address)
        if found is not None and found.length >= length:
            return backend.read_physical(found.physical, length)
        data = self.guest.read_code(address, length)
        if len(data) != length:
            raise MemoryFault(f"nothing is mapped at address {address + len(data):#x}")
        return data

    def print(self, text: bytes) -> None:
        """Show text to the debugger's user."""
        self.say(text)


def hit_test(points: Sequence[Breakpoint], machine: HitMachine) -> HitTest | None:
    """What the backend asks at each hit of what stands for all of ``points``; None where each is a stop."""
    for point in points:
        if not point.conditions and not point.commands:
            return None
    registers = [condition.registers for point in points for condition in point.conditions]
    registers += [command.registers for point in points for command in point.commands]
    is_alone = len(points) == 1
    stops = partial(_stops, points[0], machine) if is_alone else partial(_any_stops, points, machine)
    return HitTest(stops, any(registers))


def _any_stops(points: Sequence[Breakpoint], machine: HitMachine) -> bool:
    """Every point's commands are done."""
    return True in [_stops(point, machine) for point in points]


def _stops(point: Breakpoint, machine: HitMachine) -> bool:
    """A breakpoint with commands does them and goes on, as one that only prints; an error stops."""
    try:
        for condition in point.conditions:
            if condition.evaluate(machine):
                break
        else:
            if point.conditions:
                point.passed += 1
                return False
        for command in point.commands:
            command.run(machine)
    except EvaluationError as problem:
        point.problem = str(problem)
        return True
    if point.commands:
        point.hits += 1
    return not point.commands
