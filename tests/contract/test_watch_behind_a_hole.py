"""A watch at the start of a page whose neighbour before it is not mapped."""

from __future__ import annotations

import struct

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import StopKind
from tests.support.machines import Machine
from tests.support.x86_tables import CODE, HOLE, Tables


@pytest.fixture(params=["x86:64", "x86:32"], scope="module")
def arch(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=["emulator"], scope="module")
def backend(request: pytest.FixtureRequest) -> str:
    """KVM's hosts watch by themselves; the emulator hooks the accesses that could reach the watch."""
    name: str = request.param
    return name


@pytest.mark.parametrize("offset", range(4))
def test_every_byte_of_an_access_there_is_a_hit(fresh: Machine, offset: int) -> None:
    """The access starts before the watched byte, and can start no earlier than the page."""
    tables = Tables(fresh)
    page = HOLE + tables.hole_size
    store = b"\xb8" + struct.pack("<I", page) + b"\x89\x00"  # mov eax, page; mov [(r|e)ax], eax
    tables.start(store, level=0)
    fresh.backend.insert(BreakpointKind.WRITE, page + offset, 1)
    fresh.backend.insert(BreakpointKind.HARDWARE, CODE + len(store), 1)
    stop = fresh.run()
    assert (stop.kind, stop.address) == (StopKind.WATCHPOINT, page + offset)
