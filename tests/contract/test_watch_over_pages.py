"""A watch where a page ends: the next may be elsewhere in memory, or missing."""

from __future__ import annotations

import struct

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import Stop, StopKind
from kvmgdb_ppc.instructions import load, tlbwe
from tests.support.accesses import nop
from tests.support.machines import Machine
from tests.support.x86_tables import CODE, HANDLERS, HOLE, Tables

FIRST, SECOND = 0x30_0000, 0x2F_0000
"""Where the two pages at :data:`HOLE` are."""
BOUNDARY = HOLE + 0x1000
CODE_440 = 0x9000
STORED, BEFORE, AROUND = 0x4433_2211, b"\xaa" * 4, b"\xee" * 8
STORE_X86 = b"\xc7\x00" + struct.pack("<I", STORED)  # mov dword [(r|e)ax], STORED
LOAD_X86 = b"\x8b\x18"  # mov ebx, [(r|e)ax]
EXCHANGE_X86 = b"\x0f\xc1\x18"  # xadd [(r|e)ax], ebx
READ_ONLY = 5
PAGE_FAULT = 14


@pytest.fixture(params=["x86:64", "x86:32", "ppc:440"], scope="module")
def arch(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=["emulator"], scope="module")
def backend(request: pytest.FixtureRequest) -> str:
    """KVM's hosts watch by themselves; the emulator hooks the accesses that could reach a watch, is stopped
    in one, and has to undo it.
    """
    name: str = request.param
    return name


def start_x86(
    machine: Machine, code: bytes = STORE_X86, first: int = FIRST | 7, second: int = SECOND | 7
) -> int:
    """Make an access over the boundary the next instruction but one; the address behind it."""
    tables = Tables(machine)
    code = b"\xb8" + struct.pack("<I", BOUNDARY - 2) + code  # mov eax, address
    tables.start(code, level=0)
    tables.small_pages(first, second)
    return machine.backend.pc() + len(code)


def start_440(machine: Machine) -> int:
    """The same with entries of 4 KiB, in place of the one that maps all memory."""
    valid, size_4k, size_64k, rights = 0x200, 0x10, 0x30, 0x3F
    entries = [(valid | size_64k, 0), (HOLE | valid | size_4k, FIRST)]
    entries += [(HOLE + 0x1000 | valid | size_4k, SECOND)]
    code = []
    for index in (1, 2, 0):  # last the one under which this runs: the others are of no use before
        words = (*entries[index], rights)
        code += load(4, index + 2 if index else 0)
        for word, value in enumerate(words):
            code += [*load(3, value), tlbwe(3, 4, word)]
    code += [*load(4, BOUNDARY - 2), *load(3, STORED)]
    store = struct.pack(f">{len(code)}I", *code) + bytes.fromhex("90640000")  # stw r3, 0(r4)
    machine.write(CODE_440, store + nop("ppc") * 4)
    machine.backend.write_register("pc", CODE_440)
    for _ in code:
        machine.backend.step()
    return machine.backend.pc() + 4


def run_into_the_watch(machine: Machine, watched: int) -> Stop:
    """Store over the boundary, where it is watched."""
    behind = start_x86(machine) if machine.guest.is_x86 else start_440(machine)
    machine.write(BOUNDARY - 2, BEFORE)
    machine.backend.write_physical(FIRST + 0x1000, AROUND)  # what follows the first page in memory
    machine.backend.write_physical(SECOND - 8, AROUND)
    machine.backend.insert(BreakpointKind.WRITE, watched, 1)
    machine.backend.insert(BreakpointKind.HARDWARE, behind, 1)
    return machine.run()


@pytest.mark.parametrize("watched", range(BOUNDARY - 2, BOUNDARY + 2))
def test_the_access_is_done_once_and_nothing_beside_it_changes(fresh: Machine, watched: int) -> None:
    stop = run_into_the_watch(fresh, watched)
    assert (stop.kind, stop.address) == (StopKind.WATCHPOINT, watched)
    order = fresh.arch.registers.byteorder
    if fresh.arch.breakpoints.watch_before:
        assert fresh.read(BOUNDARY - 2, 4) == BEFORE
        fresh.backend.remove(BreakpointKind.WRITE, watched, 1)  # as gdb does
        fresh.backend.step()
    assert fresh.read(BOUNDARY - 2, 4) == STORED.to_bytes(4, order)
    assert fresh.backend.read_physical(FIRST + 0x1000, 8) == AROUND
    assert fresh.backend.read_physical(SECOND - 8, 8) == AROUND


@pytest.mark.parametrize(
    ("code", "first", "second"),
    [
        pytest.param(STORE_X86, FIRST | 7, 0, id="a store, the second page missing"),
        pytest.param(LOAD_X86, FIRST | 7, 0, id="a load, the second page missing"),
        pytest.param(STORE_X86, FIRST | 7, SECOND | READ_ONLY, id="a store, the second page read-only"),
        pytest.param(EXCHANGE_X86, FIRST | READ_ONLY, SECOND | 7, id="a store after a load that went well"),
    ],
)
@pytest.mark.parametrize("arch", ["x86:64", "x86:32"], scope="module")
def test_an_access_that_fails_is_one_page_fault_of_the_guests_and_no_hit(
    fresh: Machine, code: bytes, first: int, second: int
) -> None:
    start_x86(fresh, code, first, second)
    fresh.backend.write_physical(FIRST + 0xFFE, BEFORE[:2])
    fresh.backend.insert(BreakpointKind.ACCESS, BOUNDARY - 2, 2)
    for vector in range(32):
        fresh.backend.insert(BreakpointKind.HARDWARE, HANDLERS + 16 * vector, 1)
    stop = fresh.run()
    assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, HANDLERS + 16 * PAGE_FAULT)
    assert fresh.read(BOUNDARY - 2, 2) == BEFORE[:2]


@pytest.mark.parametrize("offset", range(4))
@pytest.mark.parametrize("arch", ["x86:64", "x86:32"], scope="module")
def test_every_byte_of_an_access_behind_a_hole_is_a_hit(fresh: Machine, offset: int) -> None:
    """The access starts before the watched byte, and can start no earlier than the page."""
    tables = Tables(fresh)
    page = HOLE + tables.hole_size
    store = b"\xb8" + struct.pack("<I", page) + b"\x89\x00"  # mov eax, page; mov [(r|e)ax], eax
    tables.start(store, level=0)
    fresh.backend.insert(BreakpointKind.WRITE, page + offset, 1)
    fresh.backend.insert(BreakpointKind.HARDWARE, CODE + len(store), 1)
    stop = fresh.run()
    assert (stop.kind, stop.address) == (StopKind.WATCHPOINT, page + offset)
