"""The guest's own debug registers on the emulator: I/O breakpoints, general detect, what holds #DB off.

SDM vol. 3, "Debug Registers", "Debug Exceptions", "Masking Exceptions and Interrupts When Switching Stacks".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import StopKind
from tests.support.machines import Machine
from tests.support.x86_tables import CODE, HANDLERS, TF, Tables

DB, UD, GP = 1, 6, 13
BD, BS = 1 << 13, 1 << 14
GD = 1 << 13
NOP, UD2 = b"\x90", b"\x0f\x0b"
EXECUTE, WRITE, PORTS, ACCESS = 0, 1, 2, 3
BYTE, WORD, LONG = 0, 1, 3
PORT, DATA = 0x80, 0x30_0000

OUT, IN, IN_WORD = b"\xee", b"\xec", b"\x66\xed"  # to and from DX
REP_OUTS, REP_INS, OUTS, INS = b"\xf3\x6e", b"\xf3\x6c", b"\x6e", b"\x6c"
ENABLE_IO = b"\x0f\x20\xe0\x83\xc8\x08\x0f\x22\xe0"  # CR4.DE
READ_DR6, WRITE_DR6, READ_DR4 = b"\x0f\x21\xf3", b"\x0f\x23\xf3", b"\x0f\x21\xe3"  # with (E|R)BX
LOAD_SS = b"\x8c\xd0\x8e\xd0"  # mov eax, ss; mov ss, ax


@pytest.fixture(params=["x86:64", "x86:32"], scope="module")
def arch(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def tables(fresh: Machine) -> Tables:
    """With a handler of #DB that returns."""
    made = Tables(fresh)
    fresh.write(HANDLERS + 16 * DB, b"\x48\xcf" if made.wide else b"\xcf")
    return made


def control(slot: int, condition: int, length: int = BYTE) -> int:
    """DR7 with one slot enabled locally."""
    return 0x400 | 1 << 2 * slot | condition << 16 + 4 * slot | length << 18 + 4 * slot


def load_dr(number: int, value: int) -> bytes:
    """MOV EAX, value; MOV DRn, (E|R)AX: 8 bytes."""
    return b"\xb8" + struct.pack("<I", value) + bytes((0x0F, 0x23, 0xC0 | number << 3))


def arm(slot: int, address: int, dr7: int) -> bytes:
    return load_dr(slot, address) + load_dr(7, dr7)


def set_up(port: int = PORT, count: int = 0) -> bytes:
    """MOV EDX, port; MOV ESI, DATA; MOV EDI, DATA; MOV ECX, count."""
    values = ((0xBA, port), (0xBE, DATA), (0xBF, DATA), (0xB9, count))
    return b"".join(bytes((opcode,)) + struct.pack("<I", value) for opcode, value in values)


def debug_exceptions(tables: Tables) -> Iterator[tuple[int, int]]:
    """Of each #DB until UD2 ends it, the return address from CODE on and DR6's status; DR6 is cleared."""
    machine = tables.machine
    for _ in range(20):
        vector = tables.next_handler()
        if vector == UD:
            return
        assert vector == DB
        yield tables.frame(error_code=False).pc - CODE, machine.register("dr6") & 0xE00F
        machine.backend.write_register("dr6", 0xFFFF_0FF0)
    raise AssertionError("there is no end of them")


def by_steps(tables: Tables) -> Iterator[tuple[int, int]]:
    """The same, while the debugger single-steps."""
    machine = tables.machine
    for _ in range(100):
        pc = machine.backend.step().pc
        if pc == HANDLERS + 16 * UD:
            return
        if pc == HANDLERS + 16 * DB:
            yield tables.frame(error_code=False).pc - CODE, machine.register("dr6") & 0xE00F
            machine.backend.write_register("dr6", 0xFFFF_0FF0)
    raise AssertionError(f"the program has no end: {machine.backend.pc():#x}")


Reported = Callable[[Tables], Iterator[tuple[int, int]]]
either_way = pytest.mark.parametrize("exceptions", [debug_exceptions, by_steps], ids=["running", "stepping"])


def start(tables: Tables, before: bytes, code: bytes, flags: int = 0) -> int:
    """Run ``before`` and then ``code``, in ring 0; where ``code`` begins, from CODE on."""
    tables.start(before + code + UD2, level=0, flags=flags)
    return len(before)


class TestPorts:
    ARM = ENABLE_IO + arm(0, PORT, control(0, PORTS)) + set_up(count=3)

    @either_way
    @pytest.mark.parametrize("code", [OUT, IN, IN_WORD, b"\xe6\x80", b"\xe4\x80", b"\x66\xe7\x80", INS, OUTS])
    def test_it_is_a_trap(self, tables: Tables, code: bytes, exceptions: Reported) -> None:
        at = start(tables, self.ARM, NOP + code + NOP)
        assert list(exceptions(tables)) == [(at + 1 + len(code), 1)]

    @either_way
    @pytest.mark.parametrize("code", [REP_OUTS, REP_INS])
    def test_a_repeated_one_comes_after_each_turn(
        self, tables: Tables, code: bytes, exceptions: Reported
    ) -> None:
        """With the return address on the instruction until it has come to its end."""
        at = start(tables, self.ARM, code + NOP)
        assert list(exceptions(tables)) == [(at, 1), (at, 1), (at + 2, 1)]
        assert tables.machine.register("rcx" if tables.wide else "ecx") == 0
        pointer = "si" if code == REP_OUTS else "di"
        assert tables.machine.register(("r" if tables.wide else "e") + pointer) == DATA + 3

    def test_a_repeated_one_without_a_turn(self, tables: Tables) -> None:
        start(tables, ENABLE_IO + arm(0, PORT, control(0, PORTS)) + set_up(count=0), REP_OUTS + NOP)
        assert list(debug_exceptions(tables)) == []

    def test_it_is_one_exception_with_a_single_step(self, tables: Tables) -> None:
        at = start(tables, self.ARM, OUT + NOP, flags=TF)
        found = dict(debug_exceptions(tables))
        assert found[at + 1] == BS | 1
        assert found[at] == found[at + 2] == BS

    def test_and_one_with_a_watch_of_what_is_stored(self, tables: Tables) -> None:
        both = control(0, PORTS) | control(2, WRITE)
        at = start(tables, ENABLE_IO + load_dr(0, PORT) + arm(2, DATA, both) + set_up(), INS + NOP)
        assert list(debug_exceptions(tables)) == [(at + 1, 1 | 4)]
        assert tables.machine.read(DATA, 1) == b"\xff"

    @pytest.mark.parametrize(
        ("address", "length", "port", "hits"),
        [
            (PORT, WORD, PORT + 1, True),
            (PORT, WORD, PORT + 2, False),
            (PORT + 2, LONG, PORT, True),  # its low bits do not count
            (PORT + 1, WORD, PORT + 2, False),
            (PORT, BYTE, PORT - 1, False),
        ],
    )
    def test_which_ports(self, tables: Tables, address: int, length: int, port: int, hits: bool) -> None:
        start(tables, ENABLE_IO + arm(3, address, control(3, PORTS, length)) + set_up(port), IN + NOP)
        assert len(list(debug_exceptions(tables))) == hits

    def test_a_wide_access_reaches_in(self, tables: Tables) -> None:
        start(tables, ENABLE_IO + arm(0, PORT, control(0, PORTS)) + set_up(PORT - 1), IN_WORD)
        assert len(list(debug_exceptions(tables))) == 1

    def test_not_without_de(self, tables: Tables) -> None:
        start(tables, arm(0, PORT, control(0, PORTS)) + set_up(), OUT + IN)
        assert list(debug_exceptions(tables)) == []

    def test_de_may_be_set_afterwards(self, tables: Tables) -> None:
        at = start(tables, arm(0, PORT, control(0, PORTS)) + ENABLE_IO + set_up(), OUT)
        assert list(debug_exceptions(tables)) == [(at + 1, 1)]

    def test_disarmed(self, tables: Tables) -> None:
        at = start(tables, self.ARM, OUT + load_dr(7, 0x400) + OUT)
        assert list(debug_exceptions(tables)) == [(at + 1, 1)]

    def test_in_code_that_has_been_executed_before(self, tables: Tables) -> None:
        """A loop: OUT; arm; OUT."""
        loop = OUT + ENABLE_IO + arm(0, PORT, control(0, PORTS)) + b"\xff\xc9"  # dec ecx
        loop += b"\x75" + struct.pack("b", -len(loop) - 2)  # jnz
        at = start(tables, set_up(count=3), loop)
        assert list(debug_exceptions(tables)) == [(at + 1, 1)] * 2

    @pytest.mark.parametrize("kind", [BreakpointKind.HARDWARE, BreakpointKind.SOFTWARE])
    def test_the_debuggers_breakpoint_behind_it_has_its_turn(
        self, tables: Tables, kind: BreakpointKind
    ) -> None:
        at = start(tables, self.ARM, OUT + NOP)
        backend = tables.machine.backend
        backend.insert(kind, CODE + at + 1, 1)
        backend.insert(kind, HANDLERS + 16 * DB, 1)
        assert [tables.machine.run().pc for _ in range(2)] == [HANDLERS + 16 * DB, CODE + at + 1]

    def test_the_debuggers_watch_of_what_is_stored(self, tables: Tables) -> None:
        start(tables, self.ARM, INS + NOP)
        tables.machine.backend.insert(BreakpointKind.WRITE, DATA, 1)
        stop = tables.machine.run()
        assert (stop.kind, stop.address) == (StopKind.WATCHPOINT, DATA)
        assert stop.pc == HANDLERS + 16 * DB

    def test_the_debugger_gets_it_in_place_of_the_guest(self, tables: Tables) -> None:
        at = start(tables, self.ARM, OUT + NOP)
        tables.machine.backend.hand_back = lambda _: False
        stop = tables.machine.run()
        assert (stop.kind, stop.pc) == (StopKind.EXCEPTION, CODE + at + 1)
        assert tables.machine.register("dr6") & 0xF == 1
        tables.machine.backend.hand_back = lambda _: True
        assert list(debug_exceptions(tables)) == []


class TestGeneralDetect:
    GUARD = load_dr(7, 0x400 | GD)

    @either_way
    @pytest.mark.parametrize("code", [READ_DR6, WRITE_DR6, b"\x0f\x21\xc3", READ_DR4])
    def test_an_access_is_a_fault(self, tables: Tables, code: bytes, exceptions: Reported) -> None:
        """Once: the handler begins with GD cleared."""
        at = start(tables, self.GUARD, NOP + code + NOP + code)
        assert list(exceptions(tables)) == [(at + 1, BD)]
        assert tables.machine.register("dr7") == 0x400

    def test_what_is_not_done_yet(self, tables: Tables) -> None:
        start(tables, self.GUARD, load_dr(0, 0x1234))
        assert tables.next_handler() == DB
        assert tables.machine.register("dr0") == 0
        assert tables.next_handler() == UD
        assert tables.machine.register("dr0") == 0x1234

    def test_any_debug_exception_takes_the_guard_away(self, tables: Tables) -> None:
        at = start(tables, self.GUARD, b"\xf1" + READ_DR6)  # INT1
        assert list(debug_exceptions(tables)) == [(at + 1, 0)]
        assert tables.machine.register("dr7") == 0x400

    def test_after_privilege(self, tables: Tables) -> None:
        tables.start(READ_DR6)
        tables.machine.backend.write_register("dr7", 0x400 | GD)
        assert tables.next_handler() == GP
        assert tables.machine.register("dr7") == 0x400 | GD

    def test_after_what_is_no_register_with_de(self, tables: Tables) -> None:
        start(tables, ENABLE_IO + self.GUARD, READ_DR4)
        assert list(debug_exceptions(tables)) == []  # #UD, which ends it
        assert tables.machine.register("dr7") == 0x400 | GD

    def test_the_debugger_reads_and_writes_them(self, tables: Tables) -> None:
        start(tables, NOP, NOP)
        backend = tables.machine.backend
        backend.write_register("dr7", 0x400 | GD)
        backend.write_register("dr0", 0x1234)
        assert [tables.machine.register(name) for name in ("dr0", "dr7")] == [0x1234, 0x400 | GD]
        assert list(debug_exceptions(tables)) == []

    @either_way
    def test_the_debugger_gets_it_in_place_of_the_guest(self, tables: Tables, exceptions: Reported) -> None:
        """The access is done when the guest goes on."""
        at = start(tables, self.GUARD, READ_DR6 + NOP)
        tables.machine.backend.hand_back = lambda _: False
        stop = tables.machine.run()
        assert (stop.kind, stop.pc) == (StopKind.EXCEPTION, CODE + at)
        tables.machine.backend.hand_back = lambda _: True
        assert list(exceptions(tables)) == []
        assert tables.machine.register("rbx" if tables.wide else "ebx") & BD


class TestHeldOff:
    @either_way
    def test_an_execution_breakpoint_behind_a_load_of_ss(self, tables: Tables, exceptions: Reported) -> None:
        at = start(tables, arm(0, CODE + 16 + 4, control(0, EXECUTE)), LOAD_SS + NOP + NOP)
        assert at == 16
        assert list(exceptions(tables)) == []
        assert tables.machine.register("dr6") == 0xFFFF_0FF0

    def test_not_behind_sti(self, tables: Tables) -> None:
        start(tables, arm(0, CODE + 16 + 1, control(0, EXECUTE)), b"\xfb" + NOP)
        assert tables.next_handler() == DB

    def test_a_single_step_behind_a_load_of_ss(self, tables: Tables) -> None:
        start(tables, b"", LOAD_SS + NOP + NOP, flags=TF)
        assert [pc for pc, _ in debug_exceptions(tables)][-2:] == [5, 6]


class TestLoadingThem:
    @pytest.mark.parametrize("order", [("dr0", "dr7"), ("dr7", "dr0")], ids="-".join)
    def test_an_execution_breakpoint_that_the_debugger_arms_for_the_guest(
        self, tables: Tables, order: tuple[str, ...]
    ) -> None:
        start(tables, NOP, NOP + NOP)
        for name in order:
            value = {"dr0": CODE + 2, "dr7": control(0, EXECUTE)}[name]
            tables.machine.backend.write_register(name, value)
        assert tables.next_handler() == DB
        assert tables.frame(error_code=False).pc == CODE + 2
        assert tables.machine.register("dr6") & 0xF == 1

    def test_and_takes_away(self, tables: Tables) -> None:
        start(tables, arm(0, CODE + 17, control(0, EXECUTE)), NOP + NOP)
        tables.machine.run_to(CODE + 16)
        tables.machine.backend.write_register("dr7", 0x400)
        assert list(debug_exceptions(tables)) == []

    @either_way
    def test_a_watch_armed_by_an_instruction_that_is_a_step_of_the_guests(
        self, tables: Tables, exceptions: Reported
    ) -> None:
        """MOV DR7 raises the step's #DB itself, and counts all the same."""
        store = (b"\x89\x04\x25" if tables.wide else b"\x89\x05") + struct.pack("<I", DATA)
        at = start(tables, arm(1, DATA, control(1, WRITE, LONG)), store + NOP, flags=TF)
        assert dict(exceptions(tables))[at + len(store)] == BS | 2

    def test_dr5_is_dr7(self, tables: Tables) -> None:
        """Without CR4.DE; with it, it is none."""
        at = start(tables, load_dr(0, CODE + 17) + load_dr(5, control(0, EXECUTE)), NOP + NOP)
        assert at == 16
        assert tables.next_handler() == DB
        assert tables.frame(error_code=False).pc == CODE + 17
