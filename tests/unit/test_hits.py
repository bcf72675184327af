"""What a hit comes to: conditions, commands, and the guest as they see it."""

from __future__ import annotations

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.breakpoints import Breakpoint
from kvmgdb.conditions.compile import compile_command, compile_condition
from kvmgdb.errors import MemoryFault, RspError
from kvmgdb.hits import HitMachine, hit_test
from kvmgdb.session import Session
from tests.support.guests import sample
from tests.support.sessions import start

TRUE, FALSE = (compile_condition(bytes.fromhex(code), "little") for code in ("220127", "220027"))
BY_ZERO = compile_condition(bytes.fromhex("22012200050127".replace("0501", "05")), "little")
HELLO = compile_command(bytes.fromhex("220022003400000668656c6c6f0027"), "little", 8)
RSP = compile_condition(bytes.fromhex("26000727"), "little")


@pytest.fixture
def session() -> Session:
    return start("x86:64")


@pytest.fixture
def said() -> list[bytes]:
    return []


@pytest.fixture
def machine(session: Session, said: list[bytes]) -> HitMachine:
    return HitMachine(session.guest, said.append)


def point(*conditions: object, commands: tuple[object, ...] = ()) -> Breakpoint:
    made = Breakpoint(BreakpointKind.SOFTWARE, 0x1000, 1, BreakpointKind.SOFTWARE)
    made.conditions, made.commands = conditions, commands  # type: ignore[assignment]
    return made


def stops(machine: HitMachine, *points: Breakpoint) -> bool:
    test = hit_test(points, machine)
    assert test is not None
    return test.stops()


class TestHitTest:
    def test_without_expressions_there_is_none(self, machine: HitMachine) -> None:
        assert hit_test([point()], machine) is None
        assert hit_test([point(FALSE), point()], machine) is None

    def test_any_condition_is_enough(self, machine: HitMachine) -> None:
        assert stops(machine, point(TRUE))
        assert stops(machine, point(FALSE, TRUE))
        assert not stops(machine, point(FALSE, FALSE))

    def test_a_false_one_is_counted(self, machine: HitMachine) -> None:
        mine = point(FALSE)

        stops(machine, mine)
        stops(machine, mine)

        assert (mine.hits, mine.passed) == (0, 2)

    def test_commands_are_run_in_place_of_a_stop(self, machine: HitMachine, said: list[bytes]) -> None:
        mine = point(commands=(HELLO,))

        assert not stops(machine, mine)
        assert said == [b"hello"]
        assert mine.hits == 1

    def test_and_only_where_a_condition_holds(self, machine: HitMachine, said: list[bytes]) -> None:
        assert not stops(machine, point(FALSE, commands=(HELLO,)))
        assert said == []

    def test_of_two_that_share_both_are_asked(self, machine: HitMachine, said: list[bytes]) -> None:
        assert stops(machine, point(TRUE), point(commands=(HELLO,)))
        assert said == [b"hello"]

    def test_what_has_no_value_stops_and_says_why(self, machine: HitMachine) -> None:
        mine = point(BY_ZERO)

        assert stops(machine, mine)
        assert "division by zero" in mine.problem

    def test_whether_registers_are_read(self, machine: HitMachine) -> None:
        for mine, reads in ((point(TRUE), False), (point(TRUE, RSP), True)):
            test = hit_test([mine], machine)
            assert test is not None
            assert test.reads_registers is reads


class TestHitMachine:
    def test_registers_by_gdbs_numbers(self, session: Session, machine: HitMachine) -> None:
        assert machine.register(16) == session.guest.backend.pc()
        with pytest.raises(RspError, match="no register number 999"):
            machine.register(999)

    def test_memory_is_all_or_nothing(self, machine: HitMachine) -> None:
        assert machine.read(sample("x86:64").symbol("account"), 4) == b"\1\0\0\0"
        assert machine.read(0xFF_FFFE, 2) == b"\0\0"
        with pytest.raises(MemoryFault):
            machine.read(0xFF_FFFE, 4)
