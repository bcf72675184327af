"""From payload to outcome; errors become replies."""

from __future__ import annotations

import logging
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvmgdb import dispatch as module
from kvmgdb.dispatch import HANDLERS, OFFERED, dispatch
from kvmgdb.errors import RspError
from kvmgdb.outcomes import Close, Leave, Reply, Run, State, Trigger
from kvmgdb.rsp.framing import MAX_PACKET
from kvmgdb.rsp.packets import PacketValue
from kvmgdb.session import Session
from tests.support.sessions import GDB_13, ask, start


def test_every_packet_has_a_handler() -> None:
    assert set(HANDLERS) == set(get_args(PacketValue))


def test_what_is_offered_is_what_the_handlers_say(x86_session: Session) -> None:
    size, *offered = ask(x86_session, GDB_13).decode().split(";")

    assert size == f"PacketSize={MAX_PACKET:x}"
    assert offered == list(OFFERED)
    assert len(set(offered)) == len(offered)


def test_what_is_not_there_is_not_offered(x86_session: Session) -> None:
    """A stub that offers what it ignores makes gdb wrong, or hang."""
    answer = ask(x86_session, GDB_13)

    for missing in (b"QNonStop", b"ReverseStep", b"multiprocess", b"QPassSignals"):
        assert missing not in answer


def test_the_features_gdb_has_are_kept(x86_session: Session) -> None:
    ask(x86_session, GDB_13)

    assert {"swbreak+", "hwbreak+", "error-message+"} < x86_session.features


def test_acks_end_with_the_packet_that_asks_for_it(x86_session: Session) -> None:
    assert ask(x86_session, b"QStartNoAckMode") == b"OK"
    assert not x86_session.acks


@pytest.mark.parametrize("payload", [b"", b"vMustReplyEmpty", b"vFile:setfs:0", b"qTStatus", b"!", b"\xff"])
def test_what_is_unknown_gets_the_empty_reply(x86_session: Session, payload: bytes) -> None:
    assert dispatch(x86_session, payload) == Reply(b"")


@pytest.mark.parametrize("payload", [b"mxyz,4", b"p9999", b"vCont;x", b"T5", b"G00"])
def test_a_packet_that_fails_is_an_error_reply(x86_session: Session, payload: bytes) -> None:
    assert dispatch(x86_session, payload) == Reply(b"E16")


def test_with_its_reason_where_gdb_can_show_it(x86_session: Session) -> None:
    ask(x86_session, GDB_13)

    assert dispatch(x86_session, b"T5") == Reply(
        b"E.there is no thread 5: the guest has one processor, thread 1"
    )


def test_the_kinds_of_outcome(x86_session: Session) -> None:
    assert dispatch(x86_session, b"vCont;s") == Run(step=True)
    x86_session.move(Trigger.STOP)
    assert dispatch(x86_session, b"vCont;c") == Run(step=False)
    x86_session.move(Trigger.STOP)
    assert dispatch(x86_session, b"D") == Close(b"OK", Leave.DETACH)


OLD_GDB = b"qSupported"


@pytest.mark.parametrize(
    ("features", "packet", "reason", "level"),
    [
        (GDB_13, b"Z2,1000,0", "watches nothing", logging.WARNING),
        (GDB_13, b"qSearch:memory:1000000;1;x", "address 0x1000000", logging.WARNING),
        (GDB_13, b"P3e9=00", "no register number 1001", logging.INFO),
        (OLD_GDB, b"Z2,1000,0", "watches nothing", logging.WARNING),
        (OLD_GDB, b"P3e9=00", "no register number 1001", logging.WARNING),
        (OLD_GDB, b"m1000000,4", "address 0x1000000", logging.INFO),
    ],
)
def test_a_refusal_is_logged_for_who_would_not_see_it(
    x86_session: Session,
    caplog: pytest.LogCaptureFixture,
    features: bytes,
    packet: bytes,
    reason: str,
    level: int,
) -> None:
    caplog.set_level(logging.INFO, module.__name__)
    ask(x86_session, features)

    ask(x86_session, packet)

    [record] = caplog.records
    assert record.levelno == level
    assert reason in record.getMessage()


def test_only_what_is_meant_as_a_refusal_becomes_one(
    x86_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours is not the dispatcher's to hide: the server reports it and keeps the session."""

    def broken(*_: object) -> Reply:
        raise ZeroDivisionError

    def refusing(*_: object) -> Reply:
        raise RspError("no", 1)

    [halt_reason] = [packet for packet in HANDLERS if packet.__name__ == "HaltReason"]
    monkeypatch.setitem(HANDLERS, halt_reason, broken)
    with pytest.raises(ZeroDivisionError):
        dispatch(x86_session, b"?")
    monkeypatch.setitem(HANDLERS, halt_reason, refusing)
    assert dispatch(x86_session, b"?") == Reply(b"E01")


_HEX = st.integers(0, (1 << 64) - 1).map(lambda value: b"%x" % value)
_NEAR = st.integers(0, 0x120000).map(lambda value: b"%x" % value)
_PARTS = st.one_of(
    _HEX,
    _NEAR,
    st.sampled_from([b",", b":", b";", b"=", b"-1", b"0", b"1", b"4", b"cc", b"target.xml"]),
    st.binary(max_size=4),
)
_HEADS = st.sampled_from(
    b"g G p P m M x X H T c s q v Z0, Z1, Z2, Z4, z0, z2, ? vCont; vCont;s: qRcmd, qThreadExtraInfo, "
    b"qXfer:features:read: qXfer:threads:read: qSupported: Qqemu.PhyMemMode: Qqemu.sstep=".split()
)


@pytest.mark.parametrize("arch", ["x86:64", "ppc:440"])
def test_no_packet_brings_the_session_down(arch: str) -> None:
    """One session takes them all, one after the other, as a debugger gone mad would send them."""
    session = start(arch)
    ask(session, GDB_13)

    @given(st.builds(lambda head, parts: head + b"".join(parts), _HEADS, st.lists(_PARTS, max_size=6)))
    @settings(max_examples=300, suppress_health_check=list(HealthCheck))
    def send(payload: bytes) -> None:
        outcome = dispatch(session, payload)
        assert isinstance(outcome, Reply | Run)
        if isinstance(outcome, Run):
            session.move(Trigger.STOP)

    send()

    assert session.state is State.HALTED
    assert dispatch(session, b"qC") == Reply(b"QC1")
