"""Whatever a guest's pages allow: a watch changes where it stops, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import Stop, StopKind
from kvmgdb.errors import MemoryFault
from tests.support.accesses import Access, accesses
from tests.support.machines import Machine, machine
from tests.support.x86_tables import HANDLERS, HOLE, PAGES, Tables

FIRST, SECOND, BEHIND_FIRST = 0x30_0000, 0x2F_0000, 0x30_1000
"""Where the two pages at :data:`HOLE` may be: the second behind the first, or elsewhere."""
BOUNDARY = HOLE + 0x1000
CODE = 0x9800
MISSING, READ_ONLY, WRITABLE = 0, 5, 7
PAGE_FAULT = HANDLERS + 16 * 14
WINDOWS = (FIRST + 0xFC0, FIRST + 0x1000, SECOND - 0x40, SECOND)

State = tuple[dict[str, int], list[bytes]]


@pytest.fixture(params=["x86:64", "x86:32"], scope="module")
def arch(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Paged:
    """A guest with two pages whose place and rights each example chooses."""

    def __init__(self, guest: Machine) -> None:
        self._tables = Tables(guest)
        self._tables.start(b"\x90", level=0)
        self.guest = guest
        self._pointer = "rdi" if self._tables.wide else "edi"
        self._registers = guest.registers()

    def place(self, access: Access, address: int, entries: tuple[int, int]) -> None:
        """Make ``access`` to ``address`` the next instruction, all else being as at first."""
        guest = self.guest
        self._tables.small_pages(*entries)
        for start in WINDOWS:
            guest.backend.write_physical(start, bytes(range(start >> 6 & 63, (start >> 6 & 63) + 64)))
        guest.write(CODE, access.code + b"\x90" * 4)
        for name, value in guest.registers().items():
            if value != self._registers[name]:
                guest.backend.write_register(name, self._registers[name])
        guest.backend.write_register("cr3", PAGES)  # the engine forgets what it knows of the tables
        guest.backend.write_register(self._pointer, address)
        guest.backend.write_register(guest.pc_register, CODE)

    def state(self) -> State:
        """All that could have changed."""
        read = self.guest.backend.read_physical
        return self.guest.registers(), [read(start, 64) for start in WINDOWS]

    def run(self, access: Access, kind: BreakpointKind, start: int, length: int) -> Stop:
        """Under a watch, to the end of the instruction or to the page fault's handler."""
        backend, ends = self.guest.backend, (CODE + len(access.code), PAGE_FAULT)
        backend.insert(kind, start, length)
        for end in ends:
            backend.insert(BreakpointKind.HARDWARE, end, 1)
        try:
            return self.guest.run()
        finally:
            for end in ends:
                backend.remove(BreakpointKind.HARDWARE, end, 1)
            backend.remove(kind, start, length)


@pytest.fixture(scope="module")
def paged(arch: str) -> Iterator[Paged]:
    with machine(arch, "emulator") as guest:
        yield Paged(guest)


@given(
    choice=st.integers(0, 100),
    offset=st.integers(-18, 3),
    kind=st.sampled_from([kind for kind in BreakpointKind if kind.is_watch]),
    watched=st.tuples(st.integers(-20, 20), st.integers(1, 16)),
    first=st.sampled_from([FIRST | WRITABLE, FIRST | READ_ONLY]),
    second=st.sampled_from(
        [SECOND | WRITABLE, BEHIND_FIRST | WRITABLE, SECOND | READ_ONLY, BEHIND_FIRST | READ_ONLY, MISSING]
    ),
)
def test_a_watch_changes_nothing_but_where_the_guest_stops(
    paged: Paged,
    choice: int,
    offset: int,
    kind: BreakpointKind,
    watched: tuple[int, int],
    first: int,
    second: int,
) -> None:
    rows = accesses(paged.guest.guest.arch)
    access, address, start = rows[choice % len(rows)], BOUNDARY + offset, BOUNDARY + watched[0]
    paged.place(access, address, (first, second))
    paged.guest.backend.step()
    fails, expected = paged.guest.backend.pc() == PAGE_FAULT, paged.state()

    paged.place(access, address, (first, second))
    try:
        stop = paged.run(access, kind, start, watched[1])
    except MemoryFault:
        assert second == MISSING  # and part of the watch on it: it cannot be set
        return

    touched = range(max(address, start), min(address + access.size, start + watched[1]))
    wanted = {BreakpointKind.WRITE: access.write, BreakpointKind.READ: access.read}.get(kind, True)
    assert paged.state() == expected
    assert (stop.kind is StopKind.WATCHPOINT) == (bool(touched) and wanted and not fails)
    assert stop.kind is not StopKind.WATCHPOINT or stop.address == touched[0]
