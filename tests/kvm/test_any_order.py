"""Steps, runs and breakpoints in any order: the guest goes the way it goes alone, and its code reads as it
is.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.backends.base import HitTest
from kvmgdb.errors import RspError
from kvmgdb.server import NO_INSTRUCTION
from tests.kvm.conftest import ENTRY, StartGuest
from tests.support.machines import Machine

STEPS = 300
NEVER = HitTest(lambda: False, reads_registers=False)
KINDS = (BreakpointKind.SOFTWARE, BreakpointKind.HARDWARE)


def _program(variant: str) -> bytes:
    """A loop with what is hard to step: flags on the stack, a call, string stores, ports."""
    width = 2 if variant == "16" else 4
    flags = b"\x9c\x9d"  # pushf; popf
    rest = b"\x51\x59" + b"\xaa\xaa" + b"\xe4\x42\xe6\x80"
    # push cx; pop cx; stosb; stosb; in al, 0x42; out 0x80, al
    function = b"\x90\x90\x89\xc8\xc3"  # nop; nop; mov ax, cx; ret
    turn = len(flags) + 1 + width + len(rest) + 2
    call, back = b"\xe8" + (len(rest) + 2).to_bytes(width, "little"), b"\xeb" + bytes((256 - turn,))
    return flags + call + rest + back + function


@dataclass
class _Debugger:
    """Does this and that, and knows where the guest must be."""

    machine: Machine
    trace: list[tuple[int, list[int]]]
    """After each step of the guest alone: program counter and registers."""
    choice: random.Random
    wake: int
    at: int = -1
    set: dict[tuple[BreakpointKind, int], HitTest | None] = field(default_factory=dict)

    def insert(self) -> None:
        """Some breakpoint; there may be no slot for it."""
        key = (self.choice.choice(KINDS), self.choice.choice(self.trace)[0])
        test = self.choice.choice((None, None, NEVER))
        try:
            self.machine.backend.insert(*key, 1, test)
        except RspError:
            return
        self.set[key] = test

    def remove(self) -> None:
        """One of those that are set."""
        if self.set:
            key = self.choice.choice(list(self.set))
            self.machine.backend.remove(*key, 1)
            del self.set[key]

    def step(self) -> None:
        """By either way a server has."""
        backend = self.machine.backend
        self.at += 1
        pc = backend.step().pc if self.choice.random() < 0.5 else self._resume(NO_INSTRUCTION)
        assert pc == self.trace[self.at][0]

    def run(self) -> None:
        """To the next breakpoint with a test that says yes, where the guest comes by one."""
        wanted = {address for (_, address), test in self.set.items() if test is None}
        following = range(self.at + 1, len(self.trace))
        found = next((index for index in following if self.trace[index][0] in wanted), None)
        if found is not None:
            self.at = found
            assert self._resume(None) == self.trace[found][0]

    def _resume(self, within: range | None) -> int:
        stop = self.machine.backend.resume(self.wake, fresh=True, within=within)
        assert stop is not None
        return stop.pc


def _registers(machine: Machine) -> list[int]:
    names = [register.name for register in machine.arch.registers.bulk][:17]
    return machine.backend.read_registers(names)


@pytest.fixture
def never_readable() -> Iterator[int]:
    ends = os.pipe()
    yield ends[0]
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("variant", ["64", "32", "16"])
def test_the_guest_goes_its_way(start: StartGuest, never_readable: int, variant: str, seed: int) -> None:
    code = _program(variant)
    alone, machine = start(variant, code), start(variant, code)
    for guest in (alone, machine):
        guest.backend.write_register(guest.arch.registers.sp.replace("sp", "di"), 0x5000)
    trace = [(alone.backend.step().pc, _registers(alone)) for _ in range(STEPS)]
    debugger = _Debugger(machine, trace, random.Random(seed), never_readable)  # noqa: S311
    actions = (debugger.insert, debugger.remove, debugger.step, debugger.step, debugger.run)
    while debugger.at < STEPS - 1:
        debugger.choice.choice(actions)()
        if debugger.at >= 0:
            assert _registers(machine) == trace[debugger.at][1]
        assert machine.read(ENTRY, len(code)) == code
