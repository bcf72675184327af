"""What stands in the way of an exception, rule by rule; the modes themselves are tried on a guest.

SDM vol. 2, "INT n/INTO/INT3/INT1"; vol. 3, "Error Code", "Conditions for Generating a Double Fault".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb_x86 import exceptions
from kvmgdb_x86.delivery import check, resolve
from kvmgdb_x86.events import Cpu, Event, Fault, TaskState, Undeliverable
from kvmgdb_x86.modes import CR0_PE, EFER_LMA

IDT, GDT, LDT, TSS, STACK = 0x1000, 0x2000, 0x2800, 0x3000, 0x8000
CODE, DATA, USER_CODE, BIG_STACK, SMALL_STACK = 0x08, 0x10, 0x18, 0x20, 0x28
DE, UD, DF, TS, NP, SS, GP, PF = 0, 6, 8, 10, 11, 12, 13, 14


@dataclass
class Paged:
    """64 KiB, with some pages taken out or made read-only."""

    data: bytearray = field(default_factory=lambda: bytearray(0x1_0000))
    absent: set[int] = field(default_factory=set)
    read_only: set[int] = field(default_factory=set)

    def read(self, address: int, length: int) -> bytes | None:
        found = bytes(self.data[address : address + length])
        return found if len(found) == length else None

    def fault(self, address: int, length: int, *, write: bool) -> tuple[int, int] | None:
        for place in range(address, address + length):
            if place >> 12 in self.absent:
                return place, 2 * write
            if write and place >> 12 in self.read_only:
                return place, 3
        return None

    def is_canonical(self, address: int) -> bool:
        return address >> 47 in (0, 0x1_FFFF)

    def put(self, address: int, form: str, *values: int) -> None:
        struct.pack_into(form, self.data, address, *values)


def gate(memory: Paged, vector: int, *, kind: int = 0x8E, selector: int = CODE, offset: int = 0x100) -> None:
    memory.put(IDT + 8 * vector, "<Q", offset & 0xFFFF | selector << 16 | kind << 40 | offset >> 16 << 48)


@pytest.fixture
def memory() -> Paged:
    """32-bit tables: flat segments, a gate for each exception."""
    made = Paged()
    rows = {
        CODE: 0x00CF_9B00_0000_FFFF,
        DATA: 0x00CF_9300_0000_FFFF,
        USER_CODE: 0x00CF_FB00_0000_FFFF,
        BIG_STACK: 0x00CF_9300_4000_FFFF,  # base 0x4000
        SMALL_STACK: 0x000F_9300_0000_FFFF,  # B is 0
    }
    for selector, raw in rows.items():
        made.put(GDT + selector, "<Q", raw)
        made.put(LDT + selector, "<Q", raw)
    for vector in range(32):
        gate(made, vector)
    made.put(TSS + 4, "<II", STACK, DATA)
    return made


CPU = Cpu(
    cr0=CR0_PE,
    efer=0,
    eflags=2,
    cpl=3,
    idt=(IDT, 8 * 32 - 1),
    gdt=(GDT, 0x2F),
    ldt=(LDT, 0x2F),
    tss=TaskState(0x30, TSS, 0x67),
    stack_base=0,
    stack_pointer=STACK - 0x100,
)


def raised(cpu: Cpu, memory: Paged, event: Event) -> Event | None:
    """What delivering it raises; None where nothing is wrong."""
    try:
        check(cpu, event, memory)
    except Fault as fault:
        return fault.event
    return None


@pytest.mark.parametrize("vector", [DE, UD, GP, PF])
def test_with_everything_in_place_nothing_is_wrong(memory: Paged, vector: int) -> None:
    assert resolve(CPU, Event(vector), memory) == Event(vector)


@pytest.mark.parametrize(("event", "external"), [(Event(UD), 1), (Event(3, software=True), 0)])
def test_ext_says_whether_the_program_asked_for_it(memory: Paged, event: Event, external: int) -> None:
    gate(memory, event.vector, kind=0x6E)  # not present, for ring 3
    assert raised(CPU, memory, event) == Event(NP, 8 * event.vector + 2 + external)


class TestTheCodeSegment:
    @pytest.mark.parametrize(
        ("selector", "error_code"),
        [(0, 1), (3, 1), (DATA, DATA + 1), (0x40, 0x41), (0x44, 0x45), (USER_CODE, None), (CODE | 4, None)],
        ids=["null", "null with a level", "data", "beyond the GDT", "beyond the LDT", "user", "in the LDT"],
    )
    def test_which_can_be_entered(self, memory: Paged, selector: int, error_code: int | None) -> None:
        gate(memory, UD, selector=selector)
        expected = Event(GP, error_code) if error_code is not None else None
        assert raised(CPU, memory, Event(UD)) == expected

    def test_not_one_of_an_outer_level(self, memory: Paged) -> None:
        gate(memory, UD, selector=USER_CODE)
        assert raised(replace(CPU, cpl=0), memory, Event(UD)) == Event(GP, USER_CODE + 1)

    def test_the_handler_must_be_inside(self, memory: Paged) -> None:
        memory.put(GDT + CODE, "<Q", 0x0040_9B00_0000_0FFF)
        gate(memory, UD, offset=0xFFF)
        gate(memory, DE, offset=0x1000)
        assert raised(CPU, memory, Event(UD)) is None
        assert raised(CPU, memory, Event(DE)) == Event(GP, 1)


class TestTheStack:
    def test_of_the_task_state_segment(self, memory: Paged) -> None:
        assert raised(replace(CPU, tss=TaskState(0x30, TSS, 8)), memory, Event(UD)) == Event(TS, 0x31)

    def test_of_an_80286s(self, memory: Paged) -> None:
        """SP0 and SS0 are words, from offset 2."""
        memory.put(TSS, "<HHH", 0, 0x40, DATA)
        old = replace(CPU, tss=TaskState(0x30, TSS, 0x2B, wide=False))
        assert raised(old, memory, Event(UD)) is None
        memory.put(TSS, "<HHH", 0, 0x40, USER_CODE)
        assert raised(old, memory, Event(UD)) == Event(TS, USER_CODE + 1)

    @pytest.mark.parametrize(
        ("event", "frame"),
        [(Event(UD), 20), (Event(GP), 24), (Event(GP, software=True), 20)],
        ids=["no error code", "error code", "int 13"],
    )
    @pytest.mark.parametrize("selector", [DATA, BIG_STACK])
    def test_exactly_the_frame_is_written(
        self, memory: Paged, event: Event, frame: int, selector: int
    ) -> None:
        gate(memory, GP, kind=0xEE)
        base = 0x4000 if selector == BIG_STACK else 0
        memory.absent = {6}
        memory.put(TSS + 4, "<II", 0x7000 - base + frame, selector)
        assert raised(CPU, memory, event) is None
        memory.put(TSS + 4, "<II", 0x7000 - base + frame - 4, selector)
        assert raised(CPU, memory, event) == Event(PF, 2, address=0x6FFC)

    def test_one_that_cannot_be_written(self, memory: Paged) -> None:
        memory.read_only = {7}
        assert raised(CPU, memory, Event(UD)) == Event(PF, 3, address=STACK - 4)

    def test_a_small_one_wraps_around(self, memory: Paged) -> None:
        memory.put(TSS + 4, "<II", 0x1234_0008, SMALL_STACK)
        memory.absent = {0xF}
        assert raised(CPU, memory, Event(UD)) == Event(PF, 2, address=0xFFFC)

    def test_within_a_level_it_is_the_current_one(self, memory: Paged) -> None:
        memory.absent = {7}
        kernel = replace(CPU, cpl=0, stack_pointer=0x6000)
        assert raised(kernel, memory, Event(UD)) is None
        assert raised(replace(kernel, stack_pointer=STACK), memory, Event(UD)) == Event(
            PF, 2, address=STACK - 4
        )


class TestLongMode:
    LONG = replace(CPU, efer=EFER_LMA, idt=(IDT, 16 * 32 - 1))

    @pytest.fixture
    def memory(self, memory: Paged) -> Paged:
        memory.put(GDT + CODE, "<Q", 0x00AF_9B00_0000_FFFF)
        for vector in range(32):
            memory.put(IDT + 16 * vector, "<QQ", 0x100 | CODE << 16 | 0x8E << 40, 0)
        memory.put(TSS + 4, "<Q", STACK)
        return memory

    def test_with_everything_in_place_nothing_is_wrong(self, memory: Paged) -> None:
        assert raised(self.LONG, memory, Event(UD)) is None

    @pytest.mark.parametrize("raw", [0x00CF_9B00_0000_FFFF, 0x00EF_9B00_0000_FFFF], ids=["L is 0", "D is 1"])
    def test_the_code_must_be_of_64_bits(self, memory: Paged, raw: int) -> None:
        memory.put(GDT + CODE, "<Q", raw)
        assert raised(self.LONG, memory, Event(UD)) == Event(GP, CODE + 1)

    def test_a_handler_that_is_nowhere(self, memory: Paged) -> None:
        memory.put(IDT + 16 * UD + 8, "<Q", 0x8000)
        assert raised(self.LONG, memory, Event(UD)) == Event(GP, 1)

    def test_a_stack_that_is_nowhere(self, memory: Paged) -> None:
        memory.put(TSS + 4, "<Q", 1 << 63)
        assert raised(self.LONG, memory, Event(UD)) == Event(SS, 1)

    def test_the_16_bit_gates_are_gone(self, memory: Paged) -> None:
        memory.put(IDT + 16 * UD, "<Q", 0x100 | CODE << 16 | 0x86 << 40)
        assert raised(self.LONG, memory, Event(UD)) == Event(GP, 8 * UD + 3)


CLASSES = {"benign": (1, 3, 6), "contributory": (0, 10, 11, 12, 13), "page fault": (14,)}
DOUBLE = {
    ("contributory", "contributory"),
    ("page fault", "contributory"),
    ("page fault", "page fault"),
}


class TestOneFaultAfterAnother:
    @pytest.mark.parametrize("first", CLASSES)
    @pytest.mark.parametrize("second", CLASSES)
    def test_which_two_make_a_double_fault(self, first: str, second: str) -> None:
        for one in CLASSES[first]:
            for other in CLASSES[second]:
                assert exceptions.is_double(one, other) is ((first, second) in DOUBLE)

    def test_the_address_of_the_last_page_fault_stays(self, memory: Paged) -> None:
        memory.put(TSS + 4, "<II", 0x7004, DATA)
        memory.absent = {6}
        gate(memory, DF, selector=USER_CODE)
        found = resolve(CPU, Event(PF, 4, address=0x1234), memory)
        assert found == Event(DF, address=0x6FFC)

    def test_what_we_cannot_do_ends_it(self, memory: Paged) -> None:
        gate(memory, DF, kind=0x85)  # as 32-bit systems have it
        gate(memory, GP, kind=0)
        found = resolve(CPU, Event(GP), memory)
        assert found == Undeliverable("vector 0xd has no interrupt or trap gate", shutdown=False)

    @given(
        vector=st.integers(0, 31),
        tables=st.binary(max_size=64),
        place=st.integers(IDT, TSS + 0x40),
        software=st.booleans(),
        cpl=st.sampled_from((0, 3)),
        efer=st.sampled_from((0, EFER_LMA)),
    )
    def test_it_always_comes_to_an_end(
        self, vector: int, tables: bytes, place: int, software: bool, cpl: int, efer: int
    ) -> None:
        memory = Paged()
        memory.data[place : place + len(tables)] = tables
        found = resolve(replace(CPU, cpl=cpl, efer=efer), Event(vector, software=software), memory)
        assert isinstance(found, Event | Undeliverable)


def test_real_mode_has_no_double_fault_without_a_table(memory: Paged) -> None:
    real = replace(CPU, cr0=0, idt=(0, 4 * 6 + 3), cpl=0)
    memory.put(4 * UD, "<HH", 0x100, 0)
    assert resolve(real, Event(UD), memory) == Event(UD)
    found = resolve(real, Event(7), memory)
    assert found == Undeliverable(
        "the interrupt vector table ends before vector 0x7: a triple fault", shutdown=True
    )


@pytest.mark.parametrize("vector", [0, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17, 19])
def test_faults_push_rf(vector: int) -> None:
    assert Event(vector).pushes_rf
    assert not Event(vector, software=True).pushes_rf


@pytest.mark.parametrize("vector", [1, 2, 3, 4, 8, 18])
def test_traps_and_aborts_do_not(vector: int) -> None:
    assert not Event(vector).pushes_rf
