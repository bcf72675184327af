"""``Z`` and ``z``: the policy, and the table."""

from __future__ import annotations

import pytest

from kvmgdb.breakpoints import Breakpoint
from kvmgdb.handlers.breakpoints import MAX_WATCH
from kvmgdb.session import Session
from tests.support.agent import FakeMachine
from tests.support.guests import sample
from tests.support.sessions import ask, error_text, start


def place(session: Session, name: str) -> int:
    return sample(str(session.guest.arch.id)).symbol(name)


@pytest.mark.parametrize("packet", [b"Z0,%x,4", b"Z1,%x,4"])
def test_one_that_is_set_stops_the_guest_until_it_is_removed(session: Session, packet: bytes) -> None:
    where = place(session, "deposit")

    assert ask(session, packet % where) == b"OK"
    ask(session, b"vCont;c")
    assert session.guest.backend.pc() == where
    assert ask(session, packet.lower() % where) == b"OK"
    assert ask(session, b"vCont;c") == b"W00"


@pytest.mark.parametrize("packet", [b"Z2,%x,4", b"Z3,%x,4", b"Z4,%x,4"])
def test_so_does_a_watchpoint(session: Session, packet: bytes) -> None:
    where = place(session, "watched")

    assert ask(session, packet % where) == b"OK"
    assert ask(session, b"vCont;c").startswith(b"T05")
    assert ask(session, packet.lower() % where) == b"OK"
    assert ask(session, b"vCont;c") == b"W00"


def test_setting_one_twice_sets_one(session: Session) -> None:
    where = place(session, "deposit")
    for _ in range(2):
        assert ask(session, b"Z0,%x,4" % where) == b"OK"

    assert len(session.points) == 1
    ask(session, b"z0,%x,4" % where)
    assert len(session.points) == 0
    assert ask(session, b"vCont;c") == b"W00"


def test_removing_what_is_not_there_is_no_error(session: Session) -> None:
    """gdb does it after a reset, say."""
    assert ask(session, b"z0,%x,4" % place(session, "deposit")) == b"OK"
    assert ask(session, b"z2,%x,4" % place(session, "watched")) == b"OK"


@pytest.mark.parametrize(("first", "second"), [(b"0", b"1"), (b"1", b"0")])
@pytest.mark.parametrize(
    "preset",
    [
        "transparent",
        "hardware",
    ],
)
def test_two_kinds_at_one_address_are_removed_one_by_one(preset: str, first: bytes, second: bytes) -> None:
    session = start("x86:64", preset=preset)
    where = place(session, "deposit")
    ask(session, b"Z%b,%x,1" % (first, where))
    ask(session, b"Z%b,%x,1" % (second, where))

    ask(session, b"z%b,%x,1" % (first, where))
    ask(session, b"vCont;c")

    assert session.guest.backend.pc() == where
    ask(session, b"z%b,%x,1" % (second, where))
    assert ask(session, b"vCont;c") == b"W00"


@pytest.mark.parametrize(
    ("arch", "packet", "reason"),
    [
        ("ppc:440", b"Z0,10002,4", "not on an instruction: addresses are multiples of 4"),
        ("ppc:440", b"Z1,10001,4", "not on an instruction"),
        ("x86:64", b"Z2,1000,0", "of 0 bytes watches nothing"),
        ("x86:64", b"Z4,1000,%x" % (MAX_WATCH + 1), "can be watched at once"),
        ("x86:64", b"Z0,100000,1;X1,00", "byte 0x00 at offset 0: no such opcode"),
        ("x86:64", b"Z0,100000,1;X3,220127X1,27", "end at offset 0: a condition has a value"),
        ("x86:64", b"Z0,100000,1;cmds:1,X2,2202", "nothing follows it"),
        ("x86:64", b"Z0,100000,1;X4,26ffff27", "65535 is no register of at most 64 bits here"),
        ("x86:64", b"Z0,100000,1;cmds:0,X4,26002827", "40 is no register of at most 64 bits here"),
        ("x86:64", b"Z0,8000000000000000,1", "nothing is mapped at address 0x8000000000000000"),
        ("ppc:440", b"Z2,fffffff,4", "nothing is mapped at address 0x10000000"),
    ],
)
def test_what_cannot_be_set_is_refused_with_the_reason(arch: str, packet: bytes, reason: str) -> None:
    session = start(arch)

    assert reason in error_text(session, packet)
    assert len(session.points) == 0


class TestConditions:
    """And commands."""

    ALWAYS, NEVER = b"\x22\x01\x27", b"\x22\x00\x27"

    def set(self, session: Session, lists: bytes) -> Breakpoint:
        assert ask(session, b"Z0,%x,4%b" % (place(session, "deposit"), lists)) == b"OK"
        [point] = session.points
        return point

    def test_are_kept_with_the_commands(self, session: Session) -> None:
        point = self.set(session, b";X3,220127X3,220027;cmds:1,Xe,220022003400000578205c6e0027")

        assert [condition.code for condition in point.conditions] == [self.ALWAYS, self.NEVER]
        assert [command.code.hex() for command in point.commands] == ["220022003400000578205c6e0027"]
        assert point.persist

    def test_are_replaced_when_the_breakpoint_is_set_again(self, session: Session) -> None:
        first = self.set(session, b";X3,220127")
        ask(session, b"vCont;c")

        again = self.set(session, b";X3,220027")

        assert again is first
        assert again.hits == 1
        assert [condition.code for condition in again.conditions] == [self.NEVER]
        assert again.commands == ()
        assert not again.persist

    def test_are_gone_when_it_is_set_without(self, session: Session) -> None:
        self.set(session, b";X3,220127")

        assert self.set(session, b"").conditions == ()

    def test_stay_where_new_ones_are_refused(self, session: Session) -> None:
        point = self.set(session, b";X3,220127")

        error_text(session, b"Z0,%x,4;X1,00" % place(session, "deposit"))

        assert [condition.code for condition in point.conditions] == [self.ALWAYS]

    def test_go_by_the_machines_byte_order_and_long(self) -> None:
        code = b"22ff16082200220034010004256c780027"  # printf "%lx", -1
        for arch, digits in (("x86:64", 16), ("x86:32", 8), ("ppc:440", 8)):
            point = self.set(start(arch), b";cmds:1,X%x,%b" % (len(code) // 2, code))
            machine = FakeMachine()
            point.commands[0].run(machine)
            assert machine.printed == b"f" * digits

    def test_are_offered(self, session: Session) -> None:
        offered = ask(session, b"qSupported").split(b";")

        assert {b"ConditionalBreakpoints+", b"BreakpointCommands+"} <= set(offered)


class TestCommandsWithoutADebugger:
    """gdb's ``set disconnected-dprintf``: the packet says whether they go on when it is gone."""

    @pytest.mark.parametrize(("persist", "printed"), [(b"1", [b"x \n"] * 4), (b"0", [])])
    def test_they_go_on_where_that_was_asked_for(
        self, session: Session, persist: bytes, printed: list[bytes]
    ) -> None:
        commands = b";cmds:%b,Xe,220022003400000578205c6e0027" % persist
        assert ask(session, b"Z0,%x,4%b" % (place(session, "deposit"), commands)) == b"OK"
        said: list[bytes] = []
        session.say = said.append

        session.drop_breakpoints(keep_persistent=True)
        session.guest.backend.resume(None, fresh=True)

        assert said == printed

    def test_the_next_debugger_finds_none(self, session: Session) -> None:
        commands = b";cmds:1,Xe,220022003400000578205c6e0027"
        ask(session, b"Z0,%x,4%b" % (place(session, "deposit"), commands))
        session.drop_breakpoints(keep_persistent=True)

        session.attach()

        assert len(session.points) == 0


class TestPolicy:
    @pytest.mark.parametrize(
        ("preset", "declined"),
        [
            ("transparent", b""),
            ("gdb-owned", b"0"),
            ("minimal", b"01"),
            ("hardware", b""),
            ("catch-all", b""),
        ],
    )
    def test_what_is_gdbs_own_gets_the_empty_reply(self, preset: str, declined: bytes) -> None:
        """Never an error: after one, gdb gives up instead of writing the trap itself."""
        session = start("x86:64", preset=preset)

        for kind in b"01234":
            for letter in b"Zz":
                reply = ask(session, b"%c%c,100000,4" % (letter, kind))
                assert reply == (b"" if kind in declined else b"OK")


class TestHardwareSlots:
    """Policy hardware: as many as the machine has, also where the emulator could take more."""

    def test_the_fifth_is_refused_with_what_holds_the_four(self) -> None:
        session = start("x86:64", preset="hardware")
        for address in range(0x100000, 0x100004):
            assert ask(session, b"Z0,%x,1" % address) == b"OK"

        assert ask(session, b"Z0,100004,1") == b"E1c"
        text = error_text(session, b"Z0,100004,1")
        assert "no debug register is left" in text
        assert "0x100000" in text

    def test_a_watchpoint_takes_a_slot_too(self) -> None:
        session = start("x86:64", preset="hardware")
        for address in range(0x100000, 0x100003):
            ask(session, b"Z1,%x,1" % address)
        assert ask(session, b"Z2,200000,8") == b"OK"

        assert ask(session, b"Z0,100004,1") == b"E1c"

    def test_a_slot_that_is_given_back_can_be_had_again(self) -> None:
        session = start("ppc:750", preset="hardware")
        assert ask(session, b"Z0,10000,4") == b"OK"
        assert ask(session, b"Z0,10004,4") == b"E1c"

        ask(session, b"z0,10000,4")

        assert ask(session, b"Z0,10004,4") == b"OK"

    @pytest.mark.parametrize(("first", "second"), [(b"Z0", b"Z1"), (b"Z1", b"Z0")])
    def test_the_same_place_as_software_and_hardware_takes_one(self, first: bytes, second: bytes) -> None:
        session = start("ppc:750", preset="hardware")

        assert ask(session, first + b",10000,4") == b"OK"
        assert ask(session, second + b",10000,4") == b"OK"

    def test_code_need_not_be_there_yet(self) -> None:
        assert ask(start("x86:64", preset="hardware"), b"Z0,800000000000,1") == b"OK"
