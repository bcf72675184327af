"""The session: what is legal in which state, what a stop means, whose an exception is."""

from __future__ import annotations

from itertools import product

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import Signal, Stop, StopKind
from kvmgdb.arch.trace import TO_THE_DEBUGGER, TO_THE_GUEST
from kvmgdb.errors import RspError
from kvmgdb.outcomes import TRANSITIONS, State, Trigger
from kvmgdb.session import EXITS_KEPT, Session
from tests.support.guests import SampleGuest, sample
from tests.support.sessions import GDB_13, ask, start

NOP = {"x86:64": b"\x90", "x86:16": b"\x90", "ppc:440": b"\x60\x00\x00\x00"}
TRAP = {"x86:64": b"\xcc", "x86:16": b"\xcc", "ppc:440": b"\x7f\xe0\x00\x08"}


def guest_of(session: Session) -> SampleGuest:
    return sample(str(session.guest.arch.id))


def address_of(session: Session, name: str) -> int:
    return guest_of(session).symbol(name)


def nop_in(session: Session, function: str) -> int:
    """A place in a function where a trap can be put without harm."""
    guest = guest_of(session)
    start = guest.symbol(function)
    return start + session.guest.read_memory(start, guest.size(function)).index(NOP[guest.arch])


def write(session: Session, address: int, data: bytes) -> None:
    assert ask(session, b"X%x,%x:%b" % (address, len(data), data)) == b"OK"


def stopped_at(session: Session, kind: StopKind = StopKind.BREAKPOINT) -> Stop:
    pc = session.guest.backend.pc()
    return Stop(kind, pc, reason="a test says so", address=pc)


class TestStates:
    @pytest.mark.parametrize(("edge", "following"), TRANSITIONS.items(), ids=str)
    def test_what_is_legal(self, x86_session: Session, edge: tuple[State, Trigger], following: State) -> None:
        x86_session.state, trigger = edge

        x86_session.move(trigger)

        assert x86_session.state is following

    @pytest.mark.parametrize(
        ("state", "trigger"), [edge for edge in product(State, Trigger) if edge not in TRANSITIONS], ids=str
    )
    def test_everything_else_is_refused_and_changes_nothing(
        self, x86_session: Session, state: State, trigger: Trigger
    ) -> None:
        x86_session.state = state

        with pytest.raises(RspError) as refused:
            x86_session.move(trigger)

        assert refused.value.text == f"{trigger.value}: not possible while the guest is {state.value}"
        assert x86_session.state is state

    def test_every_state_can_be_reached(self) -> None:
        reached, before = {State.HALTED}, set[State]()
        while reached != before:
            before = set(reached)
            reached |= {following for (state, _), following in TRANSITIONS.items() if state in before}

        assert reached == set(State)

    def test_what_is_closed_stays_closed(self) -> None:
        assert not [edge for edge in TRANSITIONS if edge[0] is State.CLOSED]


class TestAttaching:
    def test_what_the_last_debugger_agreed_on_is_forgotten(self, session: Session) -> None:
        ask(session, GDB_13)
        ask(session, b"QStartNoAckMode")
        ask(session, b"Qqemu.PhyMemMode:1")

        session.attach()

        assert session.features == frozenset()
        assert session.acks
        assert not session.guest.physical

    @pytest.mark.parametrize("state", [State.HALTED, State.RUNNING, State.CLOSED])
    def test_the_guest_stands_still_for_a_new_debugger(self, x86_session: Session, state: State) -> None:
        x86_session.state = state

        x86_session.attach()

        assert x86_session.state is State.HALTED

    def test_a_guest_that_is_over_stays_so(self, session: Session) -> None:
        ask(session, b"vCont;c")

        session.attach()

        assert session.state is State.ENDED


class TestStopReplies:
    def test_before_the_guest_ever_ran(self, session: Session) -> None:
        assert ask(session, b"?").startswith(b"T05")
        assert ask(session, b"?").endswith(b"thread:1;")

    def test_a_step(self, session: Session) -> None:
        assert ask(session, b"vCont;s").startswith(b"T05")
        assert session.state is State.HALTED

    def test_the_same_stop_can_be_asked_for_again(self, session: Session) -> None:
        ask(session, GDB_13)
        ask(session, b"Z0,%x,4" % address_of(session, "count_to"))

        assert ask(session, b"vCont;c") == ask(session, b"?")

    @pytest.mark.parametrize(
        ("packets", "reason"),
        [
            ((b"Z0",), b"swbreak:;"),
            ((b"Z1",), b"hwbreak:;"),
            ((b"Z0", b"Z1"), b"swbreak:;"),  # gdb is told of the one it can do something about
        ],
    )
    def test_a_breakpoint_is_named_to_a_gdb_that_knows_the_word(
        self, session: Session, packets: tuple[bytes, ...], reason: bytes
    ) -> None:
        ask(session, GDB_13)
        for packet in packets:
            ask(session, b"%b,%x,4" % (packet, address_of(session, "count_to")))

        assert ask(session, b"vCont;c").endswith(b"thread:1;" + reason)

    def test_and_not_to_an_older_one(self, session: Session) -> None:
        ask(session, b"Z0,%x,4" % address_of(session, "count_to"))

        assert ask(session, b"vCont;c").endswith(b"thread:1;")

    @pytest.mark.parametrize(
        ("packet", "reason"), [(b"Z2", b"watch"), (b"Z3", b"rwatch"), (b"Z4", b"awatch")]
    )
    def test_a_watchpoint_names_the_address_touched(
        self, session: Session, packet: bytes, reason: bytes
    ) -> None:
        watched = address_of(session, "watched")
        ask(session, b"%b,%x,4" % (packet, watched))

        assert ask(session, b"vCont;c").endswith(b"thread:1;%b:%x;" % (reason, watched))

    def test_the_end_of_the_guest(self, session: Session) -> None:
        assert ask(session, b"vCont;c") == b"W00"
        assert session.state is State.ENDED
        assert ask(session, b"?") == b"W00"

    def test_the_signal_of_an_interrupt(self, x86_session: Session) -> None:
        x86_session.state = State.RUNNING
        pc = x86_session.guest.backend.pc()

        assert x86_session.on_stop(Stop(StopKind.INTERRUPT, pc, Signal.INT)).startswith(b"T02")


class TestHits:
    def test_a_hit_is_counted_at_the_breakpoint(self, session: Session) -> None:
        where = address_of(session, "deposit")
        ask(session, b"Z0,%x,4" % where)
        ask(session, b"vCont;c")
        ask(session, b"vCont;c")

        [point] = session.points.at(where)

        assert point.hits == 2

    def test_passing_it_in_a_step_is_none(self, session: Session) -> None:
        ask(session, b"Z0,%x,4" % session.guest.backend.pc())
        ask(session, b"vCont;s")

        assert [point.hits for point in session.points] == [0]


class TestTheRecord:
    def test_a_stop_is_kept_with_its_number_and_verdict(self, session: Session) -> None:
        ask(session, b"vCont;s")
        ask(session, b"vCont;c")

        [record] = session.exits

        assert record.number == 2  # the step before it counts, though it is not kept
        assert record.stop.kind is StopKind.EXIT
        assert str(record).endswith("exit        to the debugger: the guest ended with status 0")

    def test_steps_are_traced_though(self, session: Session) -> None:
        traced = []
        session.trace = lambda stop, verdict: traced.append((stop.kind, verdict))

        ask(session, b"vCont;s")

        assert traced == [(StopKind.STEP, TO_THE_DEBUGGER)]

    def test_only_the_last_are_kept(self, x86_session: Session) -> None:
        for _ in range(EXITS_KEPT + 10):
            x86_session.record(stopped_at(x86_session), TO_THE_DEBUGGER)

        assert len(x86_session.exits) == EXITS_KEPT
        assert x86_session.exits[0].number == 11

    def test_the_console_is_shown_at_a_stop(self) -> None:
        shown: list[bytes] = []
        session = start("x86:64", console=shown.append)
        ask(session, b"Z0,%x,1" % address_of(session, "console_put"))
        for _ in range(4):
            ask(session, b"vCont;c")

        assert b"".join(shown) == b"kvm"


def test_a_debugger_that_is_gone_leaves_no_breakpoint_behind(session: Session) -> None:
    for packet in (b"Z0,%x,4", b"Z1,%x,4", b"Z2,%x,4"):
        ask(session, packet % address_of(session, "count_to"))
    ask(session, b"Z4,%x,4" % address_of(session, "watched"))

    session.drop_breakpoints()

    assert len(session.points) == 0
    assert ask(session, b"vCont;c") == b"W00"


@pytest.mark.parametrize("arch", ["x86:64", "ppc:440"])
class TestGdbsOwnTraps:
    """Policy gdb-owned: gdb writes its traps into memory itself."""

    def stop(self, arch: str, features: bytes) -> tuple[Session, int, bytes]:
        session = start(arch, preset="gdb-owned")
        where = address_of(session, "count_to")
        ask(session, features)
        write(session, where, TRAP[arch])
        return session, where, ask(session, b"vCont;c")

    def test_a_gdb_that_knows_swbreak_finds_the_pc_on_the_trap(self, arch: str) -> None:
        session, where, _ = self.stop(arch, GDB_13)

        assert session.guest.backend.pc() == where
        assert session.last_stop is not None
        assert session.last_stop.reason == f"gdb's own trap at {where:#x}"

    def test_it_is_told_the_word(self, arch: str) -> None:
        _, _, reply = self.stop(arch, GDB_13)

        assert reply.endswith(b"swbreak:;")

    def test_an_older_one_finds_it_where_the_processor_left_it(self, arch: str) -> None:
        session, where, _ = self.stop(arch, b"qSupported")
        [trap] = [trap for trap in session.guest.arch.breakpoints.traps if trap.code == TRAP[arch]]

        assert session.guest.backend.pc() == where + trap.pc_after

    def test_those_a_lost_gdb_leaves_are_taken_out(self, arch: str) -> None:
        session, where, _ = self.stop(arch, GDB_13)
        session.guest.physical = True  # whatever it had switched on

        assert session.take_out_traps() == 1
        assert session.guest.read_memory(where, len(TRAP[arch])) != TRAP[arch]
        assert len(session.traps) == 0
        assert ask(session, b"vCont;c") == b"W00"

    def test_one_the_guest_has_written_over_is_left(self, arch: str) -> None:
        session, where, _ = self.stop(arch, GDB_13)
        session.guest.write_memory(where, b"\x11")

        assert session.take_out_traps() == 0
        assert session.guest.read_memory(where, 1) == b"\x11"


class TestWhoseATrapIs:
    """A trap in the program that nobody here has set.  The 16-bit sample ignores breakpoint exceptions."""

    def test_the_guest_gets_it_and_goes_on(self) -> None:
        session = start("x86:16")
        where = nop_in(session, "count_to")
        write(session, where, TRAP["x86:16"])

        assert ask(session, b"vCont;c") == b"W00"
        [handed_back, _] = session.exits
        assert handed_back.verdict == TO_THE_GUEST
        assert handed_back.stop.pc == where
        assert "#BP" in handed_back.stop.reason

    def test_the_debugger_gets_it_where_the_policy_says_so(self) -> None:
        session = start("x86:16", preset="catch-all")
        where = nop_in(session, "count_to")
        write(session, where, TRAP["x86:16"])

        assert ask(session, b"vCont;c").startswith(b"T05")
        assert session.last_stop is not None
        assert session.last_stop.instruction == where

    def test_it_stops_where_the_guest_has_no_handler(self, session: Session) -> None:
        where = nop_in(session, "count_to")
        write(session, where, TRAP[guest_of(session).arch])

        assert ask(session, b"vCont;c").startswith(b"T05")
        assert session.last_stop is not None
        assert "the guest has no handler" in session.last_stop.reason

    def test_an_exception_that_is_no_debug_event_is_always_the_guests(self) -> None:
        session = start("x86:16", preset="catch-all")
        ask(session, b"Z0,%x,1" % address_of(session, "crash"))
        write(session, address_of(session, "want_crash"), b"\x01")  # divide by zero
        ask(session, b"Z0,%x,1" % address_of(session, "guest_main"))
        ask(session, b"vCont;c")
        ask(session, b"vCont;c")
        ask(session, b"vCont;c")

        verdicts = {record.stop.reason.split(" at ")[0]: record.verdict for record in session.exits}

        assert verdicts["#DE divide error"] == TO_THE_GUEST


@pytest.mark.parametrize("kind", list(StopKind))
def test_every_kind_of_stop_has_a_reply(x86_session: Session, kind: StopKind) -> None:
    x86_session.state = State.RUNNING

    reply = x86_session.on_stop(stopped_at(x86_session, kind))

    assert reply[:1] == (b"W" if kind is StopKind.EXIT else b"T")


@pytest.mark.parametrize("kind", [kind for kind in BreakpointKind if kind.is_watch])
def test_every_kind_of_watchpoint_has_a_word(x86_session: Session, kind: BreakpointKind) -> None:
    x86_session.state = State.RUNNING
    pc = x86_session.guest.backend.pc()

    reply = x86_session.on_stop(Stop(StopKind.WATCHPOINT, pc, address=0x2000, breakpoint=kind))

    assert reply.endswith(b"watch:2000;")


@pytest.mark.parametrize(("features", "reply"), [(GDB_13, b"E.no"), (b"qSupported", b"E16")])
def test_the_reason_of_a_refusal_is_told_where_gdb_can_show_it(
    x86_session: Session, features: bytes, reply: bytes
) -> None:
    ask(x86_session, features)

    assert x86_session.error_reply(RspError("no")) == reply
