"""Exceptions on their way to an x86 guest's handlers, in 64- and 32-bit mode.

SDM vol. 3, "Exception and Interrupt Handling in Protected Mode", "in 64-bit Mode", "Error Code".
"""

from __future__ import annotations

import struct

import pytest

from kvmgdb.arch.stops import Signal, StopKind
from tests.support.machines import Machine
from tests.support.x86_tables import (
    ABSENT_DATA,
    ABSENT_STACK,
    CODE,
    HANDLERS,
    HOLE,
    IF,
    KERNEL_CODE,
    KERNEL_DATA,
    KERNEL_STACK,
    NT,
    OTHER_STACK,
    RF,
    TF,
    USER_CODE,
    USER_DATA,
    USER_STACK,
    VM,
    Tables,
)

DE, DB, BP, OF, UD, DF, TS, NP, SS, GP, PF = 0, 1, 3, 4, 6, 8, 10, 11, 12, 13, 14

INT3, INT_0x80, UD2, HLT, ICEBP, NOP = b"\xcc", b"\xcd\x80", b"\x0f\x0b", b"\xf4", b"\xf1", b"\x90"
DIVIDE = b"\x31\xc9\xf7\xf1"  # xor ecx, ecx; div ecx
DIVIDE_AT = CODE + 2


@pytest.fixture(params=["x86:64", "x86:32"], scope="module")
def arch(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def tables(fresh: Machine) -> Tables:
    return Tables(fresh)


def load(register: str, selector: int) -> bytes:
    """MOV EAX, selector; MOV segment register, AX."""
    return b"\xb8" + struct.pack("<I", selector) + {"ds": b"\x8e\xd8", "ss": b"\x8e\xd0"}[register]


LOADED_AT = CODE + 5


def read_from(tables: Tables, address: int) -> bytes:
    """MOV EAX, [address]: 7 bytes in 64-bit mode, 6 in 32-bit mode."""
    return (b"\x8b\x04\x25" if tables.wide else b"\x8b\x05") + struct.pack("<I", address)


def write_to(tables: Tables, address: int) -> bytes:
    """MOV [address], EAX."""
    return (b"\x89\x04\x25" if tables.wide else b"\x89\x05") + struct.pack("<I", address)


class TestTheFrame:
    def test_from_ring_3_on_the_stack_of_the_task_state_segment(self, tables: Tables) -> None:
        tables.start(DIVIDE, flags=IF)
        assert tables.next_handler() == DE
        machine, frame = tables.machine, tables.frame(error_code=False)
        assert (frame.pc, frame.cs) == (DIVIDE_AT, USER_CODE)
        assert (frame.sp, frame.ss) == (USER_STACK, USER_DATA)
        top = machine.register("rsp" if tables.wide else "esp")
        assert top == KERNEL_STACK - 5 * tables.word
        assert machine.register("cs") == KERNEL_CODE
        assert machine.register("ss") == (0 if tables.wide else KERNEL_DATA)  # long mode: a null selector

    def test_within_ring_0_on_the_stack_as_it_is(self, tables: Tables) -> None:
        tables.start(DIVIDE, level=0)
        stack = tables.machine.register("rsp" if tables.wide else "esp")
        assert tables.next_handler() == DE
        frame = tables.frame(error_code=False)
        assert (frame.pc, frame.cs) == (DIVIDE_AT, KERNEL_CODE)
        if tables.wide:  # aligned down to 16 bytes, and SS:RSP pushed all the same
            assert tables.machine.register("rsp") == (stack & ~0xF) - 40
            assert (frame.sp, frame.ss) == (stack, KERNEL_DATA)
        else:
            assert tables.machine.register("esp") == stack - 12

    @pytest.mark.parametrize("level", [0, 3])
    @pytest.mark.parametrize("arch", ["x86:64"], scope="module")
    def test_on_a_stack_of_the_interrupt_stack_table(self, tables: Tables, level: int) -> None:
        tables.stack(3, OTHER_STACK)
        tables.gate(DE, table=3)
        tables.start(DIVIDE, level=level)
        assert tables.next_handler() == DE
        assert tables.machine.register("rsp") == (OTHER_STACK & ~0xF) - 40
        assert tables.frame(error_code=False).sp == USER_STACK

    @pytest.mark.parametrize("kind", [0xE, 0xF], ids=["interrupt gate", "trap gate"])
    def test_the_flags_the_handler_begins_with(self, tables: Tables, kind: int) -> None:
        """An interrupt gate clears IF, a trap gate does not; both clear TF, NT and RF."""
        tables.gate(UD, kind=kind)
        tables.start(UD2, flags=IF | NT | RF)
        assert tables.next_handler() == UD
        assert tables.machine.register("eflags") & (IF | TF | NT | RF) == (0 if kind == 0xE else IF)
        assert tables.frame(error_code=False).flags & (IF | NT | RF) == IF | NT | RF

    def test_the_handlers_return_goes_back_to_ring_3(self, tables: Tables) -> None:
        tables.gate(0x80, dpl=3)
        tables.machine.write(HANDLERS + 16 * 0x80, b"\x48\xcf" if tables.wide else b"\xcf")
        tables.start(INT_0x80 + NOP)
        tables.machine.backend.step()
        assert tables.machine.backend.pc() == HANDLERS + 16 * 0x80
        tables.machine.backend.step()
        assert tables.machine.backend.pc() == CODE + 2
        assert tables.machine.register("cs") == USER_CODE

    @pytest.mark.parametrize("arch", ["x86:32"], scope="module")
    def test_a_16_bit_gate_pushes_words(self, tables: Tables) -> None:
        tables.gate(DE, kind=0x6)
        tables.start(DIVIDE)
        assert tables.next_handler() == DE
        pointer = tables.machine.register("esp")
        assert pointer == KERNEL_STACK - 10
        words = struct.unpack("<5H", tables.machine.read(pointer, 10))
        assert words[:2] == (DIVIDE_AT, USER_CODE)


@pytest.mark.parametrize("arch", ["x86:32"], scope="module")
class TestVirtual8086Mode:
    """SDM vol. 3, "Handling an Interrupt or Exception Through a Protected-Mode Trap or Interrupt Gate"."""

    def test_the_data_segments_are_pushed_too(self, tables: Tables) -> None:
        tables.start(UD2, virtual_8086=True)
        assert tables.next_handler() == UD
        machine, frame = tables.machine, tables.frame(error_code=False)
        assert machine.register("esp") == KERNEL_STACK - 9 * 4
        assert (frame.pc, frame.cs, frame.sp) == (0, CODE >> 4, USER_STACK & 0xFFFF)
        assert frame.flags & VM
        segments = struct.unpack("<5I", machine.read(KERNEL_STACK - 20, 20))
        assert segments == (0x10, 0x20, 0x30, 0x40, 0x50)  # SS, ES, DS, FS, GS
        assert not machine.register("eflags") & VM

    def test_an_interrupt_is_a_general_protection_fault(self, tables: Tables) -> None:
        """IOPL is 0."""
        tables.start(INT_0x80, virtual_8086=True)
        assert tables.next_handler() == GP
        frame = tables.frame(error_code=True)
        assert (frame.error_code, frame.pc) == (0, 0)

    def test_a_handler_outside_ring_0_cannot_be_entered(self, tables: Tables) -> None:
        tables.gate(UD, selector=USER_CODE)
        tables.start(UD2, virtual_8086=True)
        assert tables.next_handler() == GP
        assert tables.frame(error_code=True).error_code == USER_CODE & ~3 | 1


class TestErrorCodes:
    @pytest.mark.parametrize(
        ("code", "vector", "error_code", "pc"),
        [
            (HLT, GP, 0, CODE),
            (load("ds", 0x100), GP, 0x100, LOADED_AT),  # beyond the table
            (load("ds", KERNEL_DATA), GP, KERNEL_DATA, LOADED_AT),  # of the kernel's
            (load("ds", ABSENT_DATA | 3), NP, ABSENT_DATA, LOADED_AT),
            (INT3, GP, 8 * BP + 2, CODE),  # the gate is the kernel's
            (INT_0x80, GP, 8 * 0x80 + 2, CODE),
            (b"\xcd\x03", GP, 8 * BP + 2, CODE),
        ],
        ids=["hlt", "no segment", "privilege", "absent", "int3", "int 0x80", "int 3 in two bytes"],
    )
    def test_from_ring_3(self, tables: Tables, code: bytes, vector: int, error_code: int, pc: int) -> None:
        tables.start(code)
        assert tables.next_handler() == vector
        frame = tables.frame(error_code=True)
        assert (frame.error_code, frame.pc) == (error_code, pc)
        assert frame.flags & RF  # a fault

    def test_of_a_stack_segment(self, tables: Tables) -> None:
        tables.start(load("ss", ABSENT_STACK), level=0)
        assert tables.next_handler() == SS
        assert tables.frame(error_code=True).error_code == ABSENT_STACK

    def test_an_interrupt_beyond_the_table(self, tables: Tables) -> None:
        tables.start(INT_0x80, idt_limit=0x80 * 2 * tables.word - 1)
        assert tables.next_handler() == GP
        frame = tables.frame(error_code=True)
        assert (frame.error_code, frame.pc) == (8 * 0x80 + 2, CODE)

    def test_a_gate_that_is_absent(self, tables: Tables) -> None:
        """EXT is set, since #UD is not an interrupt of the program's making."""
        tables.gate(UD, present=False)
        tables.start(UD2)
        assert tables.next_handler() == NP
        frame = tables.frame(error_code=True)
        assert (frame.error_code, frame.pc) == (8 * UD + 2 + 1, CODE)

    def test_a_handler_in_no_segment(self, tables: Tables) -> None:
        tables.gate(UD, selector=0x100)
        tables.start(UD2)
        assert tables.next_handler() == GP
        assert tables.frame(error_code=True).error_code == 0x100 + 1

    @pytest.mark.parametrize("arch", ["x86:32"], scope="module")
    @pytest.mark.parametrize(
        ("selector", "error_code"), [(USER_DATA, USER_DATA & ~3), (0x100, 0x100), (0, 0)]
    )
    def test_an_invalid_task_state_segment(self, tables: Tables, selector: int, error_code: int) -> None:
        """Its own handler is in ring 3, so that it needs no other stack."""
        tables.stack(0, KERNEL_STACK, selector)
        tables.gate(TS, selector=USER_CODE)
        tables.start(UD2)
        assert tables.next_handler() == TS
        frame = tables.frame(error_code=True)
        assert (frame.error_code, frame.pc) == (error_code + 1, CODE)


class TestTraps:
    @pytest.mark.parametrize(
        ("code", "vector"), [(INT3, BP), (b"\xcd\x03", BP), (INT_0x80, 0x80), (b"\xcd\x0d", GP)]
    )
    def test_a_software_interrupt_returns_behind_it_and_has_no_error_code(
        self, tables: Tables, code: bytes, vector: int
    ) -> None:
        tables.gate(vector, dpl=3)
        tables.start(code)
        assert tables.next_handler() == vector
        assert tables.machine.register("rsp" if tables.wide else "esp") == KERNEL_STACK - 5 * tables.word
        frame = tables.frame(error_code=False)
        assert frame.pc == CODE + len(code)
        assert not frame.flags & RF

    def test_icebp_passes_any_gate_and_leaves_dr6(self, tables: Tables) -> None:
        tables.start(ICEBP)
        before = tables.machine.register("dr6")
        assert tables.next_handler() == DB
        assert tables.frame(error_code=False).pc == CODE + 1
        assert tables.machine.register("dr6") == before

    def test_a_single_step_sets_bs(self, tables: Tables) -> None:
        tables.start(NOP + NOP, flags=TF)  # IRET's own trap comes after the first
        assert tables.next_handler() == DB
        frame = tables.frame(error_code=False)
        assert frame.pc in (CODE + 1, CODE + 2)
        assert frame.flags & (TF | RF) == TF
        assert tables.machine.register("dr6") & 0x4000
        assert not tables.machine.register("eflags") & TF

    def test_an_execution_breakpoint_is_a_fault_that_leaves_rf_as_it_is(self, tables: Tables) -> None:
        arm = b"\xb8%b\x0f\x23\xc8" % struct.pack("<I", CODE + 17)  # mov eax; mov dr1, (r|e)ax
        arm += b"\xb8\x04\x04\0\0\x0f\x23\xf8"  # mov eax; mov dr7, (r|e)ax
        tables.start(arm + NOP + NOP, level=0)
        assert tables.next_handler() == DB
        frame = tables.frame(error_code=False)
        assert frame.pc == CODE + 17
        assert not frame.flags & RF
        assert tables.machine.register("dr6") & 0xF == 1 << 1

    def test_a_write_watch_is_a_trap(self, tables: Tables) -> None:
        code = write_to(tables, USER_STACK)
        tables.start(code)
        tables.machine.backend.write_register("dr2", USER_STACK)
        tables.machine.backend.write_register("dr7", 0x400 | 1 << 4 | 0b0001 << 24)
        assert tables.next_handler() == DB
        assert tables.frame(error_code=False).pc == CODE + len(code)
        assert tables.machine.register("dr6") & 0xF == 1 << 2


class TestPageFaults:
    @pytest.mark.parametrize(
        ("address", "write", "level", "error_code"),
        [
            (HOLE + 0x10, False, 3, 0b100),
            (HOLE + 0x20, True, 3, 0b110),
            (HOLE + 0x30, False, 0, 0b000),
            (HOLE + 0x40, True, 0, 0b010),
            (None, False, 3, 0b101),
            (None, True, 3, 0b111),
        ],
    )
    def test_its_address_and_error_code(
        self, tables: Tables, address: int | None, write: bool, level: int, error_code: int
    ) -> None:
        """P, W/R, U/S; ``None`` is a page of the kernel's."""
        where = address if address is not None else HOLE + tables.hole_size + 0x50
        tables.start((write_to if write else read_from)(tables, where), level=level)
        assert tables.next_handler() == PF
        assert tables.machine.register("cr2") == where
        frame = tables.frame(error_code=True)
        assert (frame.error_code, frame.pc) == (error_code, CODE)

    def test_many_in_a_row(self, tables: Tables) -> None:
        """Each is the first of its kind, whatever came before."""
        addresses = [HOLE + 0x1000 * index + 8 * index for index in range(20)]
        accesses = [(read_from, write_to)[index % 2](tables, where) for index, where in enumerate(addresses)]
        size = len(accesses[0])
        # add (r|e)sp, word; add word [(r|e)sp], size; iret
        prefix = b"\x48" if tables.wide else b""
        skip = prefix + bytes((0x83, 0xC4, tables.word)) + prefix + bytes((0x83, 0x04, 0x24, size))
        tables.machine.write(HANDLERS + 16 * PF, skip + prefix + b"\xcf")
        tables.start(b"".join(accesses) + INT3)
        for index, where in enumerate(addresses):
            assert tables.next_handler() == PF
            assert tables.machine.register("cr2") == where
            frame = tables.frame(error_code=True)
            assert (frame.error_code, frame.pc) == (0b100 | index % 2 << 1, CODE + size * index)
        assert tables.next_handler() == GP  # the INT3, whose gate is the kernel's

    def test_a_jump_to_nowhere(self, tables: Tables) -> None:
        tables.start(b"\xb8" + struct.pack("<I", HOLE + 0x123) + b"\xff\xe0")  # mov eax; jmp (r|e)ax
        assert tables.next_handler() == PF
        assert tables.machine.register("cr2") == HOLE + 0x123
        assert tables.frame(error_code=True).pc == HOLE + 0x123


class TestFaultsOnTheWay:
    """SDM vol. 3, "Interrupt 8 - Double Fault Exception": which second exception makes it one."""

    @pytest.fixture
    def apart(self, tables: Tables) -> Tables:
        """Where the double fault's handler finds a stack of its own, or needs none."""
        tables.stack(1, OTHER_STACK)
        if tables.wide:
            tables.gate(DF, table=1)
        else:
            tables.gate(DF, selector=USER_CODE)
        return tables

    def test_contributory_and_contributory(self, apart: Tables) -> None:
        apart.gate(GP, present=False)
        apart.start(HLT)
        assert apart.next_handler() == DF
        frame = apart.frame(error_code=True)
        assert (frame.error_code, frame.pc, frame.cs) == (0, CODE, USER_CODE)

    def test_page_fault_and_contributory(self, apart: Tables) -> None:
        apart.gate(PF, kind=0)
        apart.start(read_from(apart, HOLE))
        assert apart.next_handler() == DF
        assert apart.machine.register("cr2") == HOLE

    def test_page_fault_and_page_fault(self, apart: Tables) -> None:
        apart.stack(0, HOLE + 0x1000)
        apart.start(read_from(apart, HOLE + 0x10))
        assert apart.next_handler() == DF
        assert apart.machine.register("cr2") == HOLE + 0x1000 - apart.word

    def test_contributory_and_page_fault_is_a_page_fault(self, apart: Tables) -> None:
        """That of the first push: a write, of the processor's own, to where nothing is."""
        apart.stack(0, HOLE + 0x1000)
        if apart.wide:
            apart.gate(PF, table=1)
        else:
            apart.gate(PF, selector=USER_CODE)
        apart.start(HLT)
        assert apart.next_handler() == PF
        assert apart.machine.register("cr2") == HOLE + 0x1000 - apart.word
        frame = apart.frame(error_code=True)
        assert (frame.error_code, frame.pc) == (0b010, CODE)

    def test_benign_and_contributory_is_the_second(self, apart: Tables) -> None:
        apart.gate(DB, present=False)
        apart.start(ICEBP)
        assert apart.next_handler() == NP
        frame = apart.frame(error_code=True)
        assert (frame.error_code, frame.pc) == (8 * DB + 2 + 1, CODE)

    @pytest.mark.parametrize("code", [HLT, UD2, INT3, DIVIDE], ids=["#GP", "#UD", "#BP", "#DE"])
    def test_no_handler_at_all_is_a_shutdown(self, tables: Tables, code: bytes) -> None:
        tables.start(code, idt_limit=0)
        stop = tables.machine.run()
        assert stop.kind is StopKind.SHUTDOWN
        assert "a triple fault" in stop.reason
        assert stop.pc in (CODE, CODE + 1, DIVIDE_AT)

    def test_no_stack_at_all_is_one_too(self, tables: Tables) -> None:
        tables.stack(0, HOLE + 0x1000)
        tables.start(UD2)
        stop = tables.machine.run()
        assert (stop.kind, stop.signal) == (StopKind.SHUTDOWN, Signal.ILL)
        assert f"the handler's stack at {HOLE + 0x1000:#x} cannot be written" in stop.reason

    def test_a_guest_that_shut_down_can_be_looked_at_mended_and_started_over(self, tables: Tables) -> None:
        tables.gate(DF, present=False)
        tables.gate(GP, present=False)
        tables.start(HLT)
        first = tables.machine.run()
        assert tables.machine.run() == first
        assert tables.machine.backend.step() == first
        tables.gate(GP)
        assert tables.next_handler() == GP
        tables.machine.backend.reset()
        assert tables.machine.run().kind is StopKind.EXIT

    @pytest.mark.parametrize("arch", ["x86:32"], scope="module")
    def test_a_task_gate_is_refused_with_the_reason(self, tables: Tables) -> None:
        tables.gate(UD, kind=0x5)
        tables.start(UD2)
        stop = tables.machine.run()
        assert stop.kind is StopKind.EXCEPTION
        assert "task gate" in stop.reason

    @pytest.mark.parametrize("arch", ["x86:64"], scope="module")
    def test_a_stack_pointer_that_is_no_address(self, tables: Tables) -> None:
        """#SS, for which there is no stack either."""
        tables.stack(0, (1 << 47) + 0x1000)
        tables.stack(1, OTHER_STACK)
        tables.gate(SS, table=1)
        tables.start(UD2)
        assert tables.next_handler() == SS
        assert tables.frame(error_code=True).error_code == 1
