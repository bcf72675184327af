"""Steps made of traps, on a processor of four-byte instructions that a function plays."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kvmgdb.arch.kvm import KvmTrap, Report
from kvmgdb.arch.kvm_run import KVM_EXIT_DEBUG, KVM_EXIT_MMIO
from kvmgdb.arch.machine import Region
from kvmgdb.backends.kvm.patches import Patches
from kvmgdb.backends.kvm.trap_steps import TrapSteps
from kvmgdb.backends.memory import PhysicalMemory

PC, TARGET, TRAP = 0x100, 0x200, b"trap"
UNMAPPED = 0x8000


class Processor:
    """It jumps to ``goes_to`` and stops there if a trap is there, else it exits for memory that is not."""

    def __init__(self, goes_to: int) -> None:
        self.memory = PhysicalMemory((Region(0, 0x1000, "ram"),))
        self.patches = Patches(self.memory, KvmTrap(TRAP, Report.DEBUG, 0))
        self.pc, self.goes_to = PC, goes_to
        self.vcpu = SimpleNamespace(state=None)
        self.view = SimpleNamespace(
            pc=lambda: self.pc,
            physical=lambda address: address if address < 0x1000 else None,
            read_virtual=self.patches.read,
        )
        self.executed = b""

    def enter(self) -> int:
        self.executed = self.memory.read(self.pc, 4)
        self.pc = self.goes_to
        found = self.memory.read(self.pc, 4) if self.pc < 0x1000 else b""
        return KVM_EXIT_DEBUG if found == TRAP else KVM_EXIT_MMIO


def _steps(processor: Any, *targets: int) -> Callable[[], int | None]:
    return TrapSteps(processor, lambda _state, _code: targets, processor.enter).step


@pytest.mark.parametrize("goes_to", [PC + 4, TARGET])
def test_it_stops_wherever_the_instruction_leads(goes_to: int) -> None:
    processor = Processor(goes_to)
    assert _steps(processor, PC + 4, TARGET)() is None
    assert processor.pc == goes_to
    assert processor.memory.read(PC, 0x200) == bytes(0x200)  # and no trap is left


def test_a_breakpoint_on_the_instruction_does_not_hide_it() -> None:
    processor = Processor(PC + 4)
    processor.memory.write(PC, b"code")
    processor.patches.insert(PC, PC)
    assert _steps(processor, PC + 4)() is None
    assert processor.executed == b"code"
    assert processor.memory.read(PC, 4) == TRAP


def test_a_breakpoint_where_it_leads_stays() -> None:
    processor = Processor(PC + 4)
    processor.patches.insert(PC + 4, PC + 4)
    assert _steps(processor, PC + 4)() is None
    assert processor.patches.addresses == {PC + 4}
    assert processor.memory.read(PC + 4, 4) == TRAP


def test_a_branch_to_itself_is_done_without_a_run() -> None:
    processor = Processor(PC)
    assert _steps(processor, PC)() is None
    assert processor.executed == b""


def test_another_exit_is_told() -> None:
    processor = Processor(UNMAPPED)
    assert _steps(processor, PC + 4, UNMAPPED)() == KVM_EXIT_MMIO
