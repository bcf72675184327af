"""The loop, with debuggers in memory and a real guest on the emulator."""

from __future__ import annotations

import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvmgdb.arch.stops import StopKind
from kvmgdb.errors import BackendError
from kvmgdb.outcomes import Leave, State
from kvmgdb.policy import PRESETS
from kvmgdb.server import Conversation, Server
from kvmgdb.session import Session
from tests.support.debugger import ScriptedConnection, ScriptedListener, Unasked, packet
from tests.support.guests import sample
from tests.support.sessions import GDB_13, ask, start

NO_ACKS = packet("QStartNoAckMode")
OK = packet("OK")


def talk(session: Session, *lines: bytes) -> tuple[ScriptedConnection, Leave | None]:
    """One debugger's conversation, to its end."""
    connection = ScriptedConnection(*lines)
    session.attach()
    leave = Conversation(session, connection).hold()
    connection.close()
    return connection, leave


def symbol(session: Session, name: str) -> int:
    return sample(str(session.guest.arch.id)).symbol(name)


def spinning(arch: str = "x86:64") -> Session:
    """A guest that loops until it is told not to."""
    session = start(arch)
    session.guest.write_memory(symbol(session, "want_spin"), b"\1\1\1\1")
    return session


class TestAcks:
    def test_a_packet_is_acknowledged_and_answered(self, x86_session: Session) -> None:
        connection, _ = talk(x86_session, packet("qC"), b"+", packet("T1"))

        assert connection.sent == b"+" + packet("QC1") + b"+" + OK

    def test_a_damaged_one_is_asked_for_again(self, x86_session: Session) -> None:
        connection, _ = talk(x86_session, b"$qC#00", packet("qC"))

        assert connection.sent == b"-+" + packet("QC1")

    def test_a_damaged_reply_is_sent_again(self, x86_session: Session) -> None:
        connection, _ = talk(x86_session, packet("qC"), b"-")

        assert connection.sent == b"+" + packet("QC1") + packet("QC1")

    def test_one_that_was_sent_again_for_want_of_one_is_answered_once(self, x86_session: Session) -> None:
        """gdb asks the server it has started every two seconds, and reads all it says only then."""
        connection, _ = talk(x86_session, 3 * packet("qC") + packet("T1"))

        assert connection.sent == b"+" + packet("QC1") + b"+" + OK

    def test_without_acks_there_is_none_from_the_next_packet_on(self, x86_session: Session) -> None:
        connection, _ = talk(x86_session, NO_ACKS, b"+", packet("qC"))

        assert connection.sent == b"+" + OK + packet("QC1")

    def test_and_a_damaged_packet_is_an_error(self, x86_session: Session) -> None:
        """Nobody would send it again: without an answer, the debugger would wait for ever."""
        connection, _ = talk(x86_session, NO_ACKS, packet(GDB_13), b"$qC#00", b"-")

        assert connection.sent.count(b"$") == 3
        assert connection.replies[-1].startswith(b"E.checksum")

    def test_each_debugger_begins_with_them(self, x86_session: Session) -> None:
        talk(x86_session, NO_ACKS, packet("qC"))
        connection, _ = talk(x86_session, packet("qC"))

        assert connection.sent == b"+" + packet("QC1")


class TestRunning:
    def test_a_resume_is_acknowledged_at_once_and_answered_by_the_stop(self, session: Session) -> None:
        connection, _ = talk(session, packet("vCont;c"))

        assert connection.sent == b"+" + packet("W00")

    def test_a_breakpoint(self, session: Session) -> None:
        where = symbol(session, "deposit")
        connection, _ = talk(session, packet(f"Z0,{where:x},4"), packet("vCont;c"), packet("?"))

        _, stop, again = connection.replies
        assert stop == again
        assert session.guest.backend.pc() == where

    def test_a_step(self, session: Session) -> None:
        before = session.guest.backend.pc()

        talk(session, packet("vCont;s"))

        assert session.guest.backend.pc() != before

    def test_an_interrupt_while_the_guest_runs(self) -> None:
        session = spinning()
        connection, _ = talk(session, packet("vCont;c"), Unasked(b"\x03"))

        [stop] = connection.replies
        assert stop.startswith(b"T02")
        assert session.state is State.HALTED

    def test_an_interrupt_in_one_piece_with_the_resume(self) -> None:
        connection, _ = talk(spinning(), packet("vCont;c") + b"\x03")

        assert connection.replies[-1].startswith(b"T02")

    @pytest.mark.parametrize("resume", ["vCont;c", "vCont;s"])
    def test_one_that_comes_before_the_resume_waits_for_it(self, session: Session, resume: str) -> None:
        """GDB manual, "Interrupts": the guest is interrupted when it is resumed the next time, and once."""
        entry = session.guest.backend.pc()
        connection, _ = talk(session, b"\x03", packet(resume), packet("vCont;s"))

        interrupted, stepped = connection.replies
        assert interrupted.startswith(b"T02")
        assert stepped.startswith(b"T05")
        assert session.exits[0].stop.pc == entry

    def test_an_ack_while_the_guest_runs_does_not_stop_it(self) -> None:
        connection, _ = talk(spinning(), packet("vCont;c"), Unasked(b"+"), Unasked(b"\x03"))

        [stop] = connection.replies
        assert stop.startswith(b"T02")

    def test_a_packet_sent_meanwhile_is_answered_after_the_stop(self) -> None:
        connection, _ = talk(spinning(), packet("vCont;c"), Unasked(packet("qC")), Unasked(b"\x03"))

        stop, current = connection.replies
        assert stop.startswith(b"T02")
        assert current == b"QC1"

    def test_the_guest_goes_on_after_an_interrupt(self) -> None:
        session = spinning()
        keep = symbol(session, "keep_spinning")
        connection, _ = talk(
            session, packet("vCont;c"), Unasked(b"\x03"), packet(f"M{keep:x},4:00000000"), packet("vCont;c")
        )

        assert connection.replies[-1] == b"W00"

    def test_a_debugger_that_vanishes_leaves_the_guest_halted(self) -> None:
        session = spinning()

        connection, leave = talk(session, packet("vCont;c"), Unasked(b""))

        assert connection.replies == []
        assert leave is None
        assert session.state is State.HALTED


class TestLeaving:
    def test_detach(self, x86_session: Session) -> None:
        connection, leave = talk(x86_session, packet("D"), packet("qC"))

        assert leave is Leave.DETACH
        assert connection.sent == b"+" + OK  # nothing is said after it

    def test_kill_has_no_answer(self, x86_session: Session) -> None:
        connection, leave = talk(x86_session, packet("k"))

        assert leave is Leave.KILL
        assert connection.sent == b""

    def test_hanging_up(self, x86_session: Session) -> None:
        _, leave = talk(x86_session, packet("qC"))

        assert leave is None


class TestFaults:
    def test_a_fault_of_ours_fails_one_packet(
        self, x86_session: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(x86_session.guest, "read_bulk", lambda: 1 // 0)

        connection, _ = talk(x86_session, packet(GDB_13), packet("g"), packet("qC"))

        _, fault, after = connection.replies
        assert fault.startswith(b"E.internal error: ")
        assert after == b"QC1"
        assert "internal error in packet g: ZeroDivisionError" in caplog.text
        assert "Traceback" not in caplog.text

    @pytest.mark.parametrize("packet_text", ["vCont;c", "vCont;s"])
    def test_a_backend_that_fails_is_a_stop(
        self, x86_session: Session, monkeypatch: pytest.MonkeyPatch, packet_text: str
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise BackendError("the engine is gone")

        monkeypatch.setattr(x86_session.guest.backend, "resume", fail)
        monkeypatch.setattr(x86_session.guest.backend, "step", fail)

        connection, _ = talk(x86_session, packet(packet_text), packet("qC"))

        stop, after = connection.replies
        assert stop.startswith(b"T06")
        assert after == b"QC1"
        assert "the engine is gone" in x86_session.exits[-1].stop.reason


class TestServing:
    """Which debugger is served when, and what the guest does meanwhile."""

    def serve(
        self,
        session: Session,
        *connections: ScriptedConnection,
        once: bool = False,
        run: bool = False,
        knocking: bool = False,
    ) -> ScriptedListener:
        """Serve until the server ends; what is left of the listener."""
        listener = ScriptedListener(*connections, knocking=knocking)
        Server(session, listener, once=once, run=run).serve()
        listener.close()
        return listener

    def test_the_guest_waits_at_its_entry(self, session: Session) -> None:
        entry = session.guest.backend.pc()

        self.serve(session, ScriptedConnection(packet("k")))

        assert session.guest.backend.pc() == entry

    def test_one_after_the_other(self, session: Session) -> None:
        """A detached guest runs on; the sample has ended when the second comes: there is nobody to serve."""
        first, second = ScriptedConnection(packet("D")), ScriptedConnection(packet("qC"))

        left = self.serve(session, first, second)

        assert first.closed
        assert list(left.connections) == [second]
        assert session.exits[-1].stop.kind is StopKind.EXIT

    def test_a_detached_guest_runs_until_the_next_debugger_knocks(self) -> None:
        session = spinning()
        ask(session, b"vCont;s")
        second = ScriptedConnection(packet("?"), packet("k"))

        self.serve(session, ScriptedConnection(packet("D")), second, knocking=True)

        assert second.replies[0].startswith(b"T05")
        assert session.last_stop is not None
        assert session.last_stop.reason == "a debugger attached"

    def test_only_one_where_so_asked(self, session: Session) -> None:
        second = ScriptedConnection(packet("qC"))

        left = self.serve(session, ScriptedConnection(packet("qC")), second, once=True)

        assert list(left.connections) == [second]

    def test_a_killed_guest_is_over(self, session: Session) -> None:
        second = ScriptedConnection(packet("qC"))

        left = self.serve(session, ScriptedConnection(packet("k")), second)

        assert list(left.connections) == [second]

    def test_so_is_one_that_has_ended(self, session: Session) -> None:
        second = ScriptedConnection(packet("qC"))

        left = self.serve(session, ScriptedConnection(packet("vCont;c")), second)

        assert list(left.connections) == [second]

    def test_started_at_once_it_runs_without_a_debugger(self, session: Session) -> None:
        session.state = State.RUNNING
        never = ScriptedConnection(packet("qC"))

        left = self.serve(session, never, run=True)

        assert list(left.connections) == [never]
        assert session.exits[-1].stop.kind is StopKind.EXIT

    def test_a_stop_without_a_debugger_waits_for_one(self, caplog: pytest.LogCaptureFixture) -> None:
        session = start("x86:64")
        session.guest.write_memory(symbol(session, "want_crash"), b"\4")  # cli; hlt
        session.state = State.RUNNING
        late = ScriptedConnection(packet("?"), packet("k"))

        self.serve(session, late, run=True)

        assert late.replies[0].startswith(b"T11")
        assert "the guest halted its processor" in caplog.text

    @pytest.mark.parametrize("lost", [True, False], ids=["lost", "detached"])
    def test_the_breakpoints_of_a_debugger_that_is_gone_are_gone(self, session: Session, lost: bool) -> None:
        where = symbol(session, "deposit")
        lines = [packet(f"Z0,{where:x},4"), *([] if lost else [packet("D")])]

        self.serve(session, ScriptedConnection(*lines))

        assert len(session.points) == 0
        assert session.exits[-1].stop.kind is StopKind.EXIT  # and so it ran past them

    @pytest.mark.parametrize("preset", PRESETS)
    def test_what_a_lost_connection_means_is_policy(self, preset: str) -> None:
        session = start("x86:64", preset=preset)
        second = ScriptedConnection(packet("?"), packet("k"))

        left = self.serve(session, ScriptedConnection(packet("qC")), second)

        runs_on = PRESETS[preset].policy.on_disconnect.value == "run"
        assert list(left.connections) == ([second] if runs_on else [])

    def test_who_comes_and_goes_is_logged(self, session: Session, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "kvmgdb.server")

        self.serve(session, ScriptedConnection(packet("k")))

        assert [r.getMessage() for r in caplog.records if r.name == "kvmgdb.server"] == [
            "debugger attached: a test",
            "debugger gone: kill",
        ]


COMMANDS = "? g qC vCont;c vCont;s s c m0,40 p10 Z0,10010,4 Z2,0,4 z2,0,4 D M0,4:ffffffff qRcmd,68"


@pytest.mark.parametrize("arch", ["x86:64", "ppc:440"])
def test_no_bytes_end_the_server(arch: str) -> None:
    """Whatever comes in, and however it is cut; the guest runs on whatever it has become by then."""
    session = spinning(arch)
    commands = st.sampled_from(COMMANDS.split())
    lines = st.one_of(
        st.binary(max_size=20),
        commands.map(packet),
        commands.map(lambda text: packet(text)[:-1]),
        st.sampled_from([b"\x03", b"+", b"-", b"$", b"#", NO_ACKS]),
    )

    @given(st.lists(lines.map(Unasked), max_size=8))
    @settings(suppress_health_check=list(HealthCheck))
    def converse(script: list[Unasked]) -> None:
        talk(session, *script, Unasked(b""))
        assert session.state in (State.HALTED, State.ENDED, State.CLOSED)
        session.drop_breakpoints()

    converse()
