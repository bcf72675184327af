"""The page of code that steps are made in: it may be another one by now."""

from __future__ import annotations

import struct

from kvmgdb.arch.stops import StopKind
from tests.kvm.conftest import ENTRY, StartGuest
from tests.support.machines import Machine

HLT, NOP = b"\xf4", b"\x90"
TABLES, OTHER_PAGE = 0x10_0000, 0x5000
_PRESENT_WRITABLE = 3


def _own_tables(machine: Machine, code_page: int) -> int:
    """Page tables that map the first two megabytes to themselves, but for the page of code; the entry that
    maps this one.
    """
    root, upper, middle, last = range(TABLES, TABLES + 0x4000, 0x1000)
    for table, entry in ((root, upper), (upper, middle), (middle, last)):
        machine.write(table, struct.pack("<Q", entry | _PRESENT_WRITABLE))
    for index in range(512):
        machine.write(last + 8 * index, struct.pack("<Q", index << 12 | _PRESENT_WRITABLE))
    entry = last + 8 * (ENTRY >> 12)
    machine.write(entry, struct.pack("<Q", code_page | _PRESENT_WRITABLE))
    return entry


def test_a_page_of_code_that_a_run_has_changed(start: StartGuest) -> None:
    """A step looks for HLT, which is never stepped but run: in the page that is there now."""
    load = b"\x0f\x22\xd8"  # mov cr3, rax
    machine = start("64", NOP + load + HLT * 4)
    backend = machine.backend
    _own_tables(machine, OTHER_PAGE)
    machine.write(OTHER_PAGE, NOP + load + HLT + NOP * 2 + HLT)
    backend.write_register("rax", TABLES)
    assert backend.step().pc == ENTRY + 1
    stop = machine.run()
    assert (stop.kind, stop.pc) == (StopKind.HALT, ENTRY + 5)
    stop = backend.step()
    assert (stop.kind, stop.pc) == (StopKind.STEP, ENTRY + 6)


def test_a_page_of_code_that_steps_have_changed(start: StartGuest) -> None:
    write_entry, invalidate = b"\x48\x89\x0f", b"\x0f\x01\x3e"  # mov [rdi], rcx; invlpg [rsi]
    code = write_entry + invalidate
    machine = start("64", code + HLT * 4)
    backend = machine.backend
    machine.write(OTHER_PAGE, code + NOP * 2 + HLT)
    registers = {"rcx": OTHER_PAGE | _PRESENT_WRITABLE, "rdi": _own_tables(machine, ENTRY), "rsi": ENTRY}
    for name, value in {**registers, "cr3": TABLES}.items():
        backend.write_register(name, value)
    stops = [backend.step() for _ in range(4)]
    assert [(stop.kind, stop.pc - ENTRY) for stop in stops] == [(StopKind.STEP, at) for at in (3, 6, 7, 8)]


def test_a_page_of_code_that_the_debugger_has_changed(start: StartGuest) -> None:
    machine = start("64", HLT * 4)
    backend = machine.backend
    entry = _own_tables(machine, ENTRY)
    backend.write_register("cr3", TABLES)
    assert machine.run().kind is StopKind.HALT
    assert backend.step().kind is StopKind.HALT
    machine.write(OTHER_PAGE, NOP * 4)
    machine.write(entry, struct.pack("<Q", OTHER_PAGE | _PRESENT_WRITABLE))
    backend.write_register("cr3", TABLES)
    stop = backend.step()
    assert (stop.kind, stop.pc) == (StopKind.STEP, ENTRY + 3)
