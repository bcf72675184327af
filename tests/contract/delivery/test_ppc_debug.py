"""Debug events of a BookE guest's own, by what it has armed in IAC, DAC, DVC and DBCR0-2.

PPC440x5 CPU Core User's Manual, 8.3 "Debug Events", and 6.5 "Debug Interrupt"; Power ISA, book III-E.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import StopKind
from kvmgdb_ppc import instructions
from tests.support.machines import Machine
from tests.support.ppc_vectors import BOOKE, CODE, DE, IVORS, ME, NOP, PR, PREFIX, Vectors

DATA = 0x3000
PROGRAM, DEBUG = 6, 15

IDM, IRPT, TRAP, RET, ICMP = 0x4000_0000, 0x0200_0000, 0x0100_0000, 0x8000, 0x0800_0000
IAC1, IAC2, IAC3, IAC4 = 0x0080_0000, 0x0040_0000, 0x0020_0000, 0x0010_0000
DAC1R, DAC1W, DAC2R, DAC2W = 0x0008_0000, 0x0004_0000, 0x0002_0000, 0x0001_0000
IDE = 0x8000_0000
IAC12_INCLUSIVE, IAC12_EXCLUSIVE, IAC34_INCLUSIVE = 0x0080_0000, 0x00C0_0000, 0x80
DAC12_MASK, DAC12_INCLUSIVE = 0x0040_0000, 0x0080_0000

MTMSR_R6 = 0x7CC0_0124
RFI, RFCI, RFMCI, RFDI = 0x4C00_0064, 0x4C00_0066, 0x4C00_004C, 0x4C00_004E
TRAP_ALWAYS = 0x7FE0_0008
LWZ, LHZ, LBZ, STW, STH, STB = (op << 26 | 3 << 21 | 4 << 16 for op in (32, 40, 34, 36, 44, 38))  # r3, 0(r4)
STWU = 37 << 26 | 3 << 21 | 4 << 16 | 8  # stwu r3, 8(r4)
LWZX = 0x7C64_282E  # lwzx r3, r4, r5
DBSR, DBCR0, CSRR0, CSRR1, SRR0, SRR1 = 304, 308, 58, 59, 26, 27


@pytest.fixture(params=BOOKE, scope="module")
def arch(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def guest(fresh: Machine) -> Vectors:
    return Vectors(fresh)


def handler(ivor: int) -> int:
    return PREFIX + IVORS + 0x20 * ivor


def write_handler(guest: Vectors, ivor: int, *words: int) -> None:
    guest.machine.write(handler(ivor), struct.pack(f">{len(words)}I", *words))


def saved(guest: Vectors) -> int:
    """Where the debug interrupt returns to."""
    return guest.machine.register("dsrr0" if guest.machine.guest.arch == "ppc:e500mc" else "csrr0")


def by_running(guest: Vectors, words: int) -> bool:
    """Run to the debug interrupt, or past all ``words``; whether it was the interrupt."""
    backend = guest.machine.backend
    for place in (handler(DEBUG), CODE + 4 * words):
        backend.insert(BreakpointKind.HARDWARE, place, 4)
    pc = guest.machine.run().pc
    for place in (handler(DEBUG), CODE + 4 * words):
        backend.remove(BreakpointKind.HARDWARE, place, 4)
    return pc == handler(DEBUG)


def by_steps(guest: Vectors, words: int) -> bool:
    """The same, while the debugger single-steps."""
    for _ in range(50):
        pc = guest.machine.backend.step().pc
        if pc in (handler(DEBUG), CODE + 4 * words):
            return pc == handler(DEBUG)
    raise AssertionError(f"the program has no end: {pc:#x}")


Interrupted = Callable[[Vectors, int], bool]
either_way = pytest.mark.parametrize("interrupted", [by_running, by_steps], ids=["running", "stepping"])


class TestWhileDebugInterruptsAreOff:
    """An event is recorded, with IDE, and is an interrupt when MSR[DE] is set."""

    @either_way
    def test_an_instruction_address(self, guest: Vectors, interrupted: Interrupted) -> None:
        words = (NOP, NOP, MTMSR_R6, NOP, NOP)
        guest.prepare(words, ME, iac1=CODE + 4, dbcr0=IDM | IAC1, r6=ME | DE)
        assert interrupted(guest, 5)
        assert (saved(guest), guest.dbsr) == (CODE + 12, IDE | IAC1)

    @either_way
    @pytest.mark.parametrize(("word", "event"), [(LWZ, DAC1R), (STW, DAC1W)], ids=["load", "store"])
    def test_a_data_address(self, guest: Vectors, word: int, event: int, interrupted: Interrupted) -> None:
        guest.machine.write(DATA, b"\x11\x22\x33\x44")
        words = (word, MTMSR_R6, NOP)
        registers = {"r3": 0x55667788, "r4": DATA, "r6": ME | DE}
        guest.prepare(words, ME, dac1=DATA, dbcr0=IDM | DAC1R | DAC1W, **registers)
        assert interrupted(guest, 3)
        assert (saved(guest), guest.dbsr) == (CODE + 8, IDE | event)
        assert guest.machine.read(DATA, 4).hex() == ("11223344" if word == LWZ else "55667788")
        assert guest.r3 == (0x11223344 if word == LWZ else 0x55667788)

    @either_way
    def test_a_trap(self, guest: Vectors, interrupted: Interrupted) -> None:
        """It is a program interrupt, whose handler here returns behind it with MSR[DE] set."""
        behind = (instructions.mtspr(SRR0, 7), instructions.mtspr(SRR1, 6), RFI)
        write_handler(guest, PROGRAM, *behind)
        words = (TRAP_ALWAYS, NOP, NOP)
        guest.prepare(words, ME, dbcr0=IDM | TRAP, r6=ME | DE, r7=CODE + 4)
        assert interrupted(guest, 3)
        assert (saved(guest), guest.dbsr, guest.srr0) == (CODE + 4, IDE | TRAP, CODE + 4)

    @either_way
    @pytest.mark.parametrize(
        ("word", "first"), [(RFI, "srr0"), (RFCI, "csrr0"), (RFDI, "dsrr0"), (RFMCI, "mcsrr0")]
    )
    def test_returns_that_enable_them(
        self, guest: Vectors, arch: str, word: int, first: str, interrupted: Interrupted
    ) -> None:
        if (first == "dsrr0" and arch != "ppc:e500mc") or (first == "mcsrr0" and "e500v" in arch):
            first, word = "srr0", RFI  # the core, or the engine's model of it, has no such return
        guest.prepare((NOP, word), ME, iac1=CODE, dbcr0=IDM | IAC1)
        guest.machine.backend.write_register(first, CODE + 0x40)
        guest.machine.backend.write_register(first[:-1] + "1", ME | DE)
        guest.machine.write(CODE + 0x40, struct.pack(">2I", NOP, NOP))
        assert interrupted(guest, 0x44 // 4)
        assert (saved(guest), guest.dbsr) == (CODE + 0x40, IDE | IAC1)

    @either_way
    def test_one_that_has_been_cleared(self, guest: Vectors, interrupted: Interrupted) -> None:
        words = (NOP, instructions.mtspr(DBSR, 5), MTMSR_R6, NOP)
        guest.prepare(words, ME, iac1=CODE, dbcr0=IDM | IAC1, r5=IDE | IAC1, r6=ME | DE)
        assert not interrupted(guest, 4)
        assert guest.dbsr == 0

    @either_way
    def test_one_that_stays_recorded_comes_again(self, guest: Vectors, interrupted: Interrupted) -> None:
        """A handler that does not clear DBSR is entered again as soon as it returns."""
        guest.prepare((NOP, MTMSR_R6, NOP), ME, iac1=CODE, dbcr0=IDM | IAC1, r6=ME | DE)
        assert interrupted(guest, 3)
        write_handler(guest, DEBUG, NOP, RFDI if guest.machine.guest.arch == "ppc:e500mc" else RFCI)
        assert interrupted(guest, 3)
        assert saved(guest) == CODE + 8

    @either_way
    def test_without_internal_debug_mode(self, guest: Vectors, interrupted: Interrupted) -> None:
        """It is recorded, and an interrupt once DBCR0[IDM] is set."""
        words = (NOP, NOP, instructions.mtspr(DBCR0, 5), NOP)
        guest.prepare(words, ME | DE, iac1=CODE, dbcr0=IAC1, r5=IDM | IAC1)
        assert interrupted(guest, 4)
        assert (saved(guest), guest.dbsr) == (CODE + 12, IAC1)

    def test_the_debugger_gets_it_in_place_of_the_guest(self, guest: Vectors) -> None:
        guest.prepare((NOP, MTMSR_R6, NOP, NOP), ME, iac1=CODE, dbcr0=IDM | IAC1, r6=ME | DE)
        guest.machine.backend.hand_back = lambda _: False
        stop = guest.machine.run()
        assert (stop.kind, stop.pc) == (StopKind.EXCEPTION, CODE + 8)
        assert guest.machine.backend.step().pc == CODE + 12

    def test_a_watch_of_the_debuggers_at_what_is_only_recorded(self, guest: Vectors) -> None:
        registers = {"r4": DATA, "iac1": CODE, "dbcr0": IDM | IAC1}
        guest.prepare((STW, NOP), ME, **registers)
        guest.machine.backend.insert(BreakpointKind.WRITE, DATA, 4)
        stop = guest.machine.run()
        assert (stop.kind, stop.address, stop.pc) == (StopKind.WATCHPOINT, DATA, CODE)


class TestRangesOfInstructions:
    WORDS = (NOP,) * 6

    @either_way
    @pytest.mark.parametrize(
        ("first", "second", "mode", "hit"),
        [
            (CODE + 8, CODE + 16, IAC12_INCLUSIVE, CODE + 8),
            (CODE + 3, CODE + 9, IAC12_INCLUSIVE, CODE),
            (0, 0xFFFF_FFFC, IAC12_INCLUSIVE, CODE),
            (CODE, CODE + 8, IAC12_EXCLUSIVE, CODE + 8),
            (CODE + 4, CODE + 8, IAC12_EXCLUSIVE, CODE),
        ],
    )
    def test_the_first_instruction_in_it(
        self, guest: Vectors, first: int, second: int, mode: int, hit: int, interrupted: Interrupted
    ) -> None:
        guest.prepare(self.WORDS, ME | DE, iac1=first, iac2=second, dbcr1=mode, dbcr0=IDM | IAC1)
        assert interrupted(guest, 6)
        assert (saved(guest), guest.dbsr) == (hit, IAC1)

    @either_way
    @pytest.mark.parametrize(
        ("first", "second", "mode"),
        [(CODE + 24, CODE + 32, IAC12_INCLUSIVE), (CODE + 8, CODE + 8, IAC12_INCLUSIVE)],
    )
    def test_none_in_it(
        self, guest: Vectors, first: int, second: int, mode: int, interrupted: Interrupted
    ) -> None:
        guest.prepare(self.WORDS, ME | DE, iac1=first, iac2=second, dbcr1=mode, dbcr0=IDM | IAC1)
        assert not interrupted(guest, 6)
        assert guest.dbsr == 0

    @pytest.mark.parametrize("enables", [IAC1, IAC2, IAC1 | IAC2])
    def test_the_enables_say_which_bits_are_recorded(self, guest: Vectors, enables: int) -> None:
        guest.prepare(
            self.WORDS, ME | DE, iac1=CODE, iac2=CODE + 8, dbcr1=IAC12_INCLUSIVE, dbcr0=IDM | enables
        )
        assert by_running(guest, 6)
        assert guest.dbsr == enables

    @pytest.mark.parametrize("arch", ["ppc:440"], scope="module")
    def test_the_second_pair(self, guest: Vectors) -> None:
        guest.prepare(
            self.WORDS, ME | DE, iac3=CODE + 4, iac4=CODE + 8, dbcr1=IAC34_INCLUSIVE, dbcr0=IDM | IAC3
        )
        assert by_running(guest, 6)
        assert (saved(guest), guest.dbsr) == (CODE + 4, IAC3)

    def test_while_debug_interrupts_are_off(self, guest: Vectors, arch: str) -> None:
        """No event on the 440; recorded on the others."""
        guest.prepare(self.WORDS, ME, iac1=CODE, iac2=CODE + 8, dbcr1=IAC12_INCLUSIVE, dbcr0=IDM | IAC1)
        assert not by_running(guest, 6)
        assert guest.dbsr == (0 if arch == "ppc:440" else IDE | IAC1)

    def test_the_debuggers_breakpoint_in_it(self, guest: Vectors) -> None:
        """It comes first; then the guest has its turn at the same instruction, once."""
        guest.prepare(
            self.WORDS, ME | DE, iac1=CODE + 4, iac2=CODE + 8, dbcr1=IAC12_INCLUSIVE, dbcr0=IDM | IAC1
        )
        guest.machine.backend.insert(BreakpointKind.HARDWARE, CODE + 4, 4)
        assert guest.machine.run().pc == CODE + 4
        assert by_running(guest, 6)
        assert saved(guest) == CODE + 4

    def test_an_end_of_it(self, guest: Vectors) -> None:
        """A handler that takes it away and returns."""
        clear = (instructions.mtspr(DBCR0, 0), instructions.mfspr(5, DBSR), instructions.mtspr(DBSR, 5))
        back = RFDI if guest.machine.guest.arch == "ppc:e500mc" else RFCI
        write_handler(guest, DEBUG, *clear, back)
        guest.prepare(self.WORDS, ME | DE, iac1=CODE, iac2=CODE + 24, dbcr1=IAC12_INCLUSIVE, dbcr0=IDM | IAC1)
        guest.machine.run_to(CODE + 24)
        assert (saved(guest), guest.dbsr) == (CODE, 0)


class TestWhichState:
    @pytest.mark.parametrize(
        ("field", "msr", "hits"),
        [
            (0, 0, True),
            (2 << 2, 0, True),
            (2 << 2, PR, False),
            (3 << 2, 0, False),
            (3 << 2, PR, True),
        ],
        ids=["both", "supervisor", "user in supervisor", "supervisor in user", "user"],
    )
    @pytest.mark.parametrize("slot", [1, 2])
    def test_user_and_supervisor(self, guest: Vectors, field: int, msr: int, hits: bool, slot: int) -> None:
        guest.prepare(
            (NOP, NOP),
            ME | DE | msr,
            **{f"iac{slot}": CODE},
            dbcr1=field << 28 - 4 * (slot - 1),
            dbcr0=IDM | (IAC1 if slot == 1 else IAC2),
        )
        assert by_running(guest, 2) == hits

    @pytest.mark.parametrize(("field", "hits"), [(3 << 2, False), (2 << 2, True), (2, True), (3, False)])
    def test_data(self, guest: Vectors, field: int, hits: bool) -> None:
        guest.prepare((STW, NOP), ME | DE, r4=DATA, dac2=DATA, dbcr2=field << 24, dbcr0=IDM | DAC2W)
        assert by_running(guest, 2) == hits


class TestDataAddresses:
    @either_way
    @pytest.mark.parametrize(
        ("word", "at", "mode", "first", "second", "hits"),
        [
            (STW, DATA, 0, DATA, 0, True),
            (STW, DATA - 2, 0, DATA, 0, False),  # an access is compared by where it starts
            (STW, DATA - 1, DAC12_INCLUSIVE, DATA, DATA + 8, False),
            (STB, DATA + 7, DAC12_INCLUSIVE, DATA, DATA + 8, True),
            (STB, DATA + 8, DAC12_INCLUSIVE, DATA, DATA + 8, False),
            (STB, DATA + 0x1800, DAC12_INCLUSIVE, DATA, DATA + 0x2000, True),
            (STB, DATA + 3, DAC12_MASK, DATA, 0xFFFF_FFFC, True),
            (STB, DATA + 4, DAC12_MASK, DATA, 0xFFFF_FFFC, False),
            (STW, DATA + 0x104, DAC12_MASK, DATA + 4, 0xFFFF_F0FF, True),
            (STW, DATA + 0x100, DAC12_MASK, DATA + 4, 0xFFFF_F0FF, False),
            (STWU, DATA - 8, 0, DATA, 0, True),
        ],
    )
    def test_which(
        self,
        guest: Vectors,
        word: int,
        at: int,
        mode: int,
        first: int,
        second: int,
        hits: bool,
        interrupted: Interrupted,
    ) -> None:
        registers = {"r3": 0x01020304, "r4": at, "dac1": first, "dac2": second}
        guest.prepare((NOP, word, NOP), ME | DE, **registers, dbcr2=mode, dbcr0=IDM | DAC1W)
        assert interrupted(guest, 3) == hits
        if hits:
            assert (saved(guest), guest.dbsr, guest.r4) == (CODE + 4, DAC1W, at)
        else:
            assert (guest.dbsr, guest.r3) == (0, 0x01020304)

    def test_the_enables_of_a_range_say_which_bits_are_recorded(self, guest: Vectors) -> None:
        registers = {"r4": DATA + 4, "dac1": DATA, "dac2": DATA + 8, "dbcr2": DAC12_INCLUSIVE}
        guest.prepare((LWZ, NOP), ME | DE, **registers, dbcr0=IDM | DAC1W | DAC1R | DAC2R)
        assert by_running(guest, 2)
        assert guest.dbsr == DAC1R | DAC2R

    def test_an_index(self, guest: Vectors) -> None:
        registers = {"r4": DATA - 0x20, "r5": 0x20, "dac1": DATA}
        guest.prepare((LWZX, NOP), ME | DE, **registers, dbcr0=IDM | DAC1R)
        assert by_running(guest, 2)
        assert (saved(guest), guest.dbsr) == (CODE, DAC1R)

    @pytest.mark.parametrize("at", [DATA, DATA + 0xFF_C000])
    def test_a_large_range(self, guest: Vectors, at: int) -> None:
        registers = {"r4": at, "dac1": 0, "dac2": 1 << 24, "dbcr2": DAC12_INCLUSIVE}
        guest.prepare((STW, NOP), ME | DE, **registers, dbcr0=IDM | DAC1W)
        assert by_running(guest, 2)


@pytest.mark.parametrize("arch", ["ppc:440"], scope="module")
class TestDataValues:
    """DVC: DBCR2[DVC1M] and the byte lanes of DVC1BE."""

    ALL, ANY, PAIR = 0x0004_0000, 0x0008_0000, 0x000C_0000

    @pytest.mark.parametrize(
        ("word", "at", "mode", "lanes", "wanted", "hits"),
        [
            (STW, DATA, ALL, 0xF, 0x11223344, True),
            (STW, DATA, ALL, 0xF, 0x11223345, False),
            (STW, DATA, ALL, 0x3, 0xFFFF3344, True),
            (STH, DATA, ALL, 0xC, 0x33440000, True),
            (STH, DATA, ALL, 0xF, 0x33440000, False),  # two lanes are not accessed
            (STB, DATA, ANY, 0xF, 0x44444444, True),
            (STB, DATA + 2, ANY, 0xF, 0x00004400, True),
            (STB, DATA + 2, ANY, 0xD, 0x44444444, False),
            (STH, DATA + 2, PAIR, 0xF, 0x33443344, True),
            (STW, DATA, PAIR, 0xF, 0x11220000, True),
            (STW, DATA, PAIR, 0xF, 0x11003300, False),
            (LWZ, DATA, ALL, 0xF, 0xAABBCCDD, True),
            (LHZ, DATA, ALL, 0xC, 0xAABB0000, True),
            (LBZ, DATA, ALL, 0x8, 0xAB000000, False),
            (STW, DATA, ALL, 0, 0, True),  # no lane: no comparison
        ],
    )
    def test_which(
        self, guest: Vectors, word: int, at: int, mode: int, lanes: int, wanted: int, hits: bool
    ) -> None:
        guest.machine.write(DATA, b"\xaa\xbb\xcc\xdd")
        registers = {"r3": 0x11223344, "r4": at, "dac1": at, "dvc1": wanted}
        guest.prepare((word, NOP), ME | DE, **registers, dbcr2=mode | lanes << 8, dbcr0=IDM | DAC1R | DAC1W)
        assert by_running(guest, 2) == hits
        assert bool(guest.dbsr) == hits


class TestOtherEvents:
    @either_way
    def test_a_return(self, guest: Vectors, interrupted: Interrupted) -> None:
        """It is not made."""
        guest.prepare((NOP, RFI, NOP), ME | DE, srr0=CODE + 8, srr1=ME | DE, dbcr0=IDM | RET)
        assert interrupted(guest, 2)
        assert (saved(guest), guest.dbsr) == (CODE + 4, RET)

    @either_way
    def test_a_return_while_debug_interrupts_are_off(self, guest: Vectors, interrupted: Interrupted) -> None:
        guest.prepare((NOP, RFI, NOP, NOP), ME, srr0=CODE + 8, srr1=ME | DE, dbcr0=IDM | RET)
        assert interrupted(guest, 4)
        assert (saved(guest), guest.dbsr) == (CODE + 8, IDE | RET)

    @either_way
    def test_an_interrupt(self, guest: Vectors, interrupted: Interrupted) -> None:
        """The handler's first instruction is where the debug interrupt returns to."""
        guest.prepare((NOP, TRAP_ALWAYS), ME | DE, dbcr0=IDM | IRPT)
        assert interrupted(guest, 2)
        assert (saved(guest), guest.dbsr, guest.srr0) == (handler(PROGRAM), IRPT, CODE + 4)

    def test_a_step_and_an_instruction_address_one_after_the_other(self, guest: Vectors) -> None:
        back = RFDI if guest.machine.guest.arch == "ppc:e500mc" else RFCI
        write_handler(guest, DEBUG, instructions.mfspr(5, DBSR), instructions.mtspr(DBSR, 5), back)
        guest.prepare((NOP, NOP, NOP), ME | DE, iac1=CODE + 4, dbcr0=IDM | IAC1 | ICMP)
        guest.machine.run_to(handler(DEBUG))
        assert (saved(guest), guest.dbsr) == (CODE + 4, ICMP)
        guest.machine.backend.step()
        guest.machine.run_to(handler(DEBUG))
        assert (saved(guest), guest.dbsr) == (CODE + 4, IAC1)


def test_user_code_may_not_write_dbsr(fresh: Machine, arch: str) -> None:
    """A refused write clears nothing."""
    guest = Vectors(fresh)
    guest.prepare(
        (NOP, instructions.mtspr(DBSR, 5), NOP), ME | PR, iac1=CODE, dbcr0=IDM | IAC1, r5=IDE | IAC1
    )
    fresh.run_to(handler(PROGRAM))
    assert guest.dbsr == IDE | IAC1
