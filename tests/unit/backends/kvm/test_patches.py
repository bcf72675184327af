"""Traps in guest memory: the debugger never sees them, the guest's own writes win."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.kvm import KvmTrap, Report
from kvmgdb.arch.machine import Region
from kvmgdb.backends.kvm.patches import Patches
from kvmgdb.backends.memory import PhysicalMemory
from kvmgdb.errors import MemoryFault
from tests.support.work import work_of

SIZE = 0x2000
INT3 = KvmTrap(b"\xcc", Report.DEBUG, 0)
HLT = KvmTrap(b"\xf4", Report.HALT, 1)
WORD = KvmTrap(b"\x00\xdd\xdd\x00", Report.DEBUG, 0)
VIRTUAL = 0x10_0000
"""What is added to a physical address to make a virtual one, so that the two are not confused."""


def _memory() -> PhysicalMemory:
    memory = PhysicalMemory([Region(0, SIZE, "ram")])
    memory.write(0, bytes(i % 200 for i in range(SIZE)))  # no byte is a trap's
    return memory


@pytest.fixture
def memory() -> PhysicalMemory:
    return _memory()


@given(data=st.data(), trap=st.sampled_from([INT3, HLT, WORD]))
def test_reads_and_writes_are_those_of_memory_without_traps(data: st.DataObject, trap: KvmTrap) -> None:
    memory, size = _memory(), len(trap.code)
    plain = bytearray(memory.read(0, SIZE))
    patches = Patches(memory, trap)
    slots = st.integers(0xFF0 // size, 0x1020 // size).map(lambda slot: slot * size)
    places: set[int] = set()
    for _ in range(data.draw(st.integers(1, 12))):
        match data.draw(st.sampled_from(["insert", "remove", "write", "read"])):
            case "insert":
                place = data.draw(slots)
                patches.insert(place + VIRTUAL, place)
                places.add(place)
            case "remove":
                place = data.draw(slots)
                patches.remove(place + VIRTUAL)
                places.discard(place)
            case "write":
                at, new = data.draw(st.integers(0xFE0, 0x1030)), data.draw(st.binary(min_size=1, max_size=40))
                patches.write(at, new)
                plain[at : at + len(new)] = new
        at, length = data.draw(st.integers(0xFD0, 0x1030)), data.draw(st.integers(1, 80))
        assert patches.read(at, length) == plain[at : at + length]
    assert patches.addresses == {place + VIRTUAL for place in places}
    for place in places:
        assert memory.read(place, size) == trap.code
        patches.remove(place + VIRTUAL)
    assert memory.read(0, SIZE) == plain


def test_what_the_guest_writes_over_one_is_read_and_stays(memory: PhysicalMemory) -> None:
    patches = Patches(memory, INT3)
    patches.insert(VIRTUAL + 16, 16)
    memory.write(16, b"\x55")
    assert patches.read(15, 3) == bytes((15, 0x55, 17))
    patches.remove(VIRTUAL + 16)
    assert memory.read(16, 1) == b"\x55"


def test_two_addresses_that_lead_to_one_place(memory: PhysicalMemory) -> None:
    patches = Patches(memory, INT3)
    patches.insert(VIRTUAL + 16, 16)
    patches.insert(2 * VIRTUAL + 16, 16)
    patches.remove(VIRTUAL + 16)
    assert memory.read(16, 1) == b"\xcc"
    assert patches.is_patched(16)
    patches.remove(2 * VIRTUAL + 16)
    assert memory.read(16, 1) == bytes((16,))
    assert not patches.is_patched(16)


def test_inserted_twice_is_one(memory: PhysicalMemory) -> None:
    patches = Patches(memory, INT3)
    for _ in range(2):
        patches.insert(VIRTUAL + 16, 16)
    patches.remove(VIRTUAL + 16)
    assert memory.read(16, 1) == bytes((16,))
    assert not patches


def test_another_mode_has_another_trap(memory: PhysicalMemory) -> None:
    patches = Patches(memory, INT3)
    patches.insert(VIRTUAL + 16, 16)
    patches.use(HLT)
    assert memory.read(16, 1) == b"\xf4"
    assert patches.read(16, 1) == bytes((16,))
    patches.remove(VIRTUAL + 16)
    assert memory.read(16, 1) == bytes((16,))


def test_new_code_of_the_guests_gets_the_new_trap(memory: PhysicalMemory) -> None:
    patches = Patches(memory, INT3)
    patches.insert(VIRTUAL + 16, 16)
    memory.write(16, b"\x55")
    patches.use(HLT)
    assert memory.read(16, 1) == b"\xf4"
    patches.remove(VIRTUAL + 16)
    assert memory.read(16, 1) == b"\x55"


def test_lifted_for_one_instruction(memory: PhysicalMemory) -> None:
    patches = Patches(memory, INT3)
    for place in (16, 20, 40):
        patches.insert(VIRTUAL + place, place)
    lifted = patches.lift(range(VIRTUAL + 16, VIRTUAL + 31))
    assert memory.read(16, 5) == bytes(range(16, 21))
    assert memory.read(40, 1) == b"\xcc"
    memory.write(20, b"\x55")  # the instruction writes its neighbour
    patches.put_back(lifted)
    assert memory.read(16, 1) == memory.read(20, 1) == b"\xcc"
    assert patches.read(16, 5) == bytes((16, 17, 18, 19, 0x55))


def test_lifted_by_both_of_its_addresses(memory: PhysicalMemory) -> None:
    patches = Patches(memory, INT3)
    for base in (VIRTUAL, 2 * VIRTUAL):
        patches.insert(base + 16, 16)
    lifted = patches.lift(patches.addresses)
    assert memory.read(16, 1) == bytes((16,))
    patches.put_back(lifted)
    assert memory.read(16, 1) == b"\xcc"
    assert patches.read(16, 1) == bytes((16,))


def test_forgotten_with_the_memory(memory: PhysicalMemory) -> None:
    patches = Patches(memory, INT3)
    patches.insert(VIRTUAL + 16, 16)
    patches.clear()
    assert not patches
    assert VIRTUAL + 16 not in patches


def test_what_a_short_look_costs_does_not_go_by_how_many_there_are(memory: PhysicalMemory) -> None:
    """A stop looks at the instruction it is at, in a page that may be full of traps."""
    few, many = Patches(memory, INT3), Patches(_memory(), INT3)
    for patches, count in ((few, 20), (many, 0x1000)):
        for place in range(count):
            patches.insert(VIRTUAL + place, place)
    assert work_of(lambda: many.read(2, 15)) == work_of(lambda: few.read(2, 15))


def test_the_addresses_are_as_they_are_now(memory: PhysicalMemory) -> None:
    """No copy of them is made: it would be made anew at each stop."""
    patches = Patches(memory, INT3)
    addresses = patches.addresses
    patches.insert(VIRTUAL + 16, 16)
    assert addresses == {VIRTUAL + 16}


def test_one_where_no_memory_is_leaves_nothing_behind(memory: PhysicalMemory) -> None:
    patches = Patches(memory, INT3)
    with pytest.raises(MemoryFault):
        patches.insert(VIRTUAL, SIZE)
    assert not patches
    patches.remove(VIRTUAL)
    patches.insert(VIRTUAL, 16)  # it leads to memory by now
    assert memory.read(16, 1) == b"\xcc"
