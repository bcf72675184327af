"""Resuming, and the end of a session."""

from __future__ import annotations

import pytest

from kvmgdb.dispatch import dispatch
from kvmgdb.outcomes import Close, Leave, Reply, Run, State
from kvmgdb.session import Session
from tests.support.guests import sample
from tests.support.sessions import ask, error_text


@pytest.mark.parametrize(
    ("packet", "step"),
    [
        (b"vCont;c", False),
        (b"vCont;C05", False),
        (b"vCont;s", True),
        (b"vCont;S05:1", True),
        (b"vCont;s:1;c", True),
        (b"vCont;c:2;s:1", True),  # thread 2 does not exist
        (b"vCont;s:2;c", False),
        (b"c", False),
        (b"C05", False),
        (b"s", True),
        (b"S05", True),
    ],
)
def test_the_ways_to_resume(x86_session: Session, packet: bytes, step: bool) -> None:
    assert dispatch(x86_session, packet) == Run(step)
    assert x86_session.state is State.RUNNING


def test_an_action_for_other_threads_alone_resumes_nothing(x86_session: Session) -> None:
    assert dispatch(x86_session, b"vCont;c:2") == Reply(x86_session.stop_reply())
    assert x86_session.state is State.HALTED


def test_gdb_uses_vcont_where_all_four_actions_are_there(x86_session: Session) -> None:
    assert set(ask(x86_session, b"vCont?").split(b";")) == {b"vCont", b"c", b"C", b"s", b"S", b"r"}


@pytest.mark.parametrize("packet", [b"s%x", b"S05;%x"])
def test_the_old_packets_may_say_where(session: Session, packet: bytes) -> None:
    entry = session.guest.backend.pc()
    ask(session, b"s")
    second = session.guest.backend.pc()
    ask(session, b"s")

    ask(session, packet % entry)

    assert session.guest.backend.pc() == second


@pytest.mark.parametrize("packet", [b"vCont;c", b"vCont;s", b"c", b"s", b"c1000", b"S05;1000"])
def test_a_guest_that_is_over_cannot_be_resumed(session: Session, packet: bytes) -> None:
    ask(session, b"vCont;c")
    pc = session.guest.backend.pc()

    assert error_text(session, packet) == "resume: not possible while the guest is ended"
    assert session.guest.backend.pc() == pc


def test_detaching_takes_the_breakpoints_out(session: Session) -> None:
    ask(session, b"Z0,%x,4" % sample(str(session.guest.arch.id)).symbol("deposit"))

    assert dispatch(session, b"D;1") == Close(b"OK", Leave.DETACH)
    assert len(session.points) == 0
    assert session.state is State.CLOSED


@pytest.mark.parametrize(("packet", "reply"), [(b"k", None), (b"vKill;1", b"OK")])
def test_killing(x86_session: Session, packet: bytes, reply: bytes | None) -> None:
    assert dispatch(x86_session, packet) == Close(reply, Leave.KILL)
    assert x86_session.state is State.CLOSED


@pytest.mark.parametrize("packet", [b"D", b"k"])
def test_a_guest_that_is_over_can_still_be_left(session: Session, packet: bytes) -> None:
    ask(session, b"vCont;c")

    assert isinstance(dispatch(session, packet), Close)


def test_gdb_is_to_detach_when_its_user_quits(session: Session) -> None:
    """0 would make it kill the guest: right only when that is over anyway."""
    assert ask(session, b"qAttached") == b"1"
    ask(session, b"vCont;c")
    assert ask(session, b"qAttached") == b"0"
