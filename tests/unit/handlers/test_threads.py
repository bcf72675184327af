"""A guest's processors as threads: there is one."""

from __future__ import annotations

import pytest

from kvmgdb.session import Session
from tests.support.sessions import ask, error_text


def test_the_list(x86_session: Session) -> None:
    assert ask(x86_session, b"qfThreadInfo") == b"m1"
    assert ask(x86_session, b"qsThreadInfo") == b"l"
    assert ask(x86_session, b"qC") == b"QC1"


@pytest.mark.parametrize("packet", [b"Hg0", b"Hc-1", b"Hg1", b"Hgp1.1", b"T1"])
def test_it_can_be_chosen(x86_session: Session, packet: bytes) -> None:
    assert ask(x86_session, packet) == b"OK"


@pytest.mark.parametrize("packet", [b"Hg2", b"T2", b"qThreadExtraInfo,2"])
def test_there_is_no_other(x86_session: Session, packet: bytes) -> None:
    assert error_text(x86_session, packet) == "there is no thread 2: the guest has one processor, thread 1"


def test_what_info_threads_shows(session: Session) -> None:
    text = bytes.fromhex(ask(session, b"qThreadExtraInfo,1").decode()).decode()

    assert text == f"cpu0 ({session.guest.arch.id}, halted)"
