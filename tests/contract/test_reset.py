"""A reset brings everything back but what the debugger has set."""

from __future__ import annotations

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import StopKind
from tests.support.machines import Machine

MOVING = {"dec", "tbl", "tbu"}
"""Registers that count time."""


def _everything(machine: Machine) -> dict[str, int]:
    names = [name for name in machine.readable if name not in MOVING]
    return dict(zip(names, machine.backend.read_registers(names), strict=True))


def test_registers_and_memory_are_those_of_the_start(fresh: Machine) -> None:
    registers = _everything(fresh)
    memory = [fresh.backend.read_physical(region.start, region.size) for region in fresh.backend.regions]
    fresh.run()
    fresh.backend.reset()
    assert _everything(fresh) == registers
    again = [fresh.backend.read_physical(region.start, region.size) for region in fresh.backend.regions]
    changed = [
        region.name
        for region, old, new in zip(fresh.backend.regions, memory, again, strict=True)
        if old != new
    ]
    assert changed == []


def test_registers_that_were_written_are_those_of_the_start(fresh: Machine) -> None:
    before = _everything(fresh)
    for register in fresh.arch.registers:
        if register.group == "general" and register.name not in ("cs", "ss", "ds", "es", "fs", "gs"):
            fresh.backend.write_register(register.name, 0x1111_1111)
    fresh.backend.reset()
    assert _everything(fresh) == before


def test_it_runs_as_the_first_time(fresh: Machine) -> None:
    fresh.run()
    first = bytes(fresh.printed)
    fresh.printed.clear()
    fresh.backend.reset()
    assert fresh.run().kind is StopKind.EXIT
    assert bytes(fresh.printed) == first


def test_from_the_middle(fresh: Machine) -> None:
    fresh.run_to(fresh.guest.symbol("factorial"))
    fresh.backend.reset()
    assert fresh.backend.pc() == fresh.guest.symbol("_start")
    assert fresh.run().kind is StopKind.EXIT


def test_breakpoints_and_watchpoints_stay(fresh: Machine) -> None:
    target, watched = fresh.guest.symbol("deposit"), fresh.guest.symbol("watched")
    fresh.backend.insert(BreakpointKind.SOFTWARE, target, 1)
    fresh.backend.insert(BreakpointKind.WRITE, watched, 4)
    fresh.run()
    fresh.backend.reset()
    assert fresh.run().kind is StopKind.WATCHPOINT
    fresh.backend.remove(BreakpointKind.WRITE, watched, 4)
    assert fresh.run().pc == target
