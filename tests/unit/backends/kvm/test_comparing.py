"""Write watchpoints by comparing memory."""

from __future__ import annotations

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.machine import Extent, Region
from kvmgdb.backends.kvm.comparing import Change, Comparing
from kvmgdb.backends.memory import PhysicalMemory, pieces
from kvmgdb.errors import MemoryFault, RspError

WRITE = BreakpointKind.WRITE
MAPPED = range(0x40_0000, 0x40_2000)


class Guest:
    """Two pages of memory, mapped the other way round at 0x400000."""

    def __init__(self) -> None:
        self.memory = PhysicalMemory([Region(0, 0x2000, "ram")])
        self.mapped = True
        self.watches = Comparing(self._places, self.memory.read)

    def _translate(self, address: int) -> Extent | None:
        if not self.mapped or address not in MAPPED:
            return None
        return Extent((address - MAPPED.start) ^ 0x1000, 0x1000 - address % 0x1000)

    def _places(self, address: int, length: int) -> list[tuple[int, int]]:
        return [(physical, size) for _, physical, size in pieces(address, length, self._translate)]


@pytest.fixture
def guest() -> Guest:
    return Guest()


def test_a_change_is_found_once_at_its_first_byte(guest: Guest) -> None:
    guest.watches.insert(WRITE, 0x40_0010, 8)
    assert guest.watches.changed() is None
    guest.memory.write(0x1013, b"ab")
    assert guest.watches.changed() == Change(WRITE, 0x40_0013)
    assert guest.watches.changed() is None


def test_over_a_page_boundary(guest: Guest) -> None:
    guest.watches.insert(WRITE, 0x40_0FFC, 8)
    guest.memory.write(2, b"x")
    assert guest.watches.changed() == Change(WRITE, 0x40_1002)


def test_the_neighbours_do_not_count(guest: Guest) -> None:
    guest.watches.insert(WRITE, 0x40_0010, 2)
    guest.memory.write(0x100F, b"x")
    guest.memory.write(0x1012, b"x")
    assert guest.watches.changed() is None


def test_what_the_debugger_wrote_is_no_hit(guest: Guest) -> None:
    guest.watches.insert(WRITE, 0x40_0010, 2)
    guest.memory.write(0x1010, b"xy")
    guest.watches.renew()
    assert guest.watches.changed() is None


def test_removed(guest: Guest) -> None:
    guest.watches.insert(WRITE, 0x40_0010, 2)
    assert guest.watches
    guest.watches.remove(WRITE, 0x40_0010, 2)
    assert not guest.watches
    guest.memory.write(0x1010, b"xy")
    assert guest.watches.changed() is None


def test_memory_that_the_guest_unmaps_is_not_watched_meanwhile(guest: Guest) -> None:
    guest.watches.insert(WRITE, 0x40_0010, 2)
    guest.mapped = False
    guest.watches.renew()
    guest.memory.write(0x1010, b"xy")
    assert guest.watches.changed() is None
    guest.mapped = True
    guest.watches.renew()
    guest.memory.write(0x1010, b"ab")
    assert guest.watches.changed() == Change(WRITE, 0x40_0010)


@pytest.mark.parametrize("kind", [BreakpointKind.READ, BreakpointKind.ACCESS])
def test_a_read_cannot_be_compared(guest: Guest, kind: BreakpointKind) -> None:
    with pytest.raises(RspError, match=f"{kind.label}: watch for writes, or use --backend emulator"):
        guest.watches.insert(kind, 0x40_0010, 4)


def test_nothing_is_mapped_there(guest: Guest) -> None:
    with pytest.raises(MemoryFault, match="0x500000"):
        guest.watches.insert(WRITE, 0x50_0000, 4)
