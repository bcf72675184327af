"""A guest's processors as threads: there is one."""

from __future__ import annotations

import pytest

from kvmgdb.session import Session
from tests.support.sessions import ask, error_text, start


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


def shown(session: Session) -> str:
    return bytes.fromhex(ask(session, b"qThreadExtraInfo,1").decode()).decode()


@pytest.mark.parametrize(
    ("arch", "text"),
    [
        ("x86:64", "vCPU 0: x86:64, long mode, ring 0"),
        ("x86:32", "vCPU 0: x86:32, protected mode, ring 0"),
        ("x86:16", "vCPU 0: x86:16, real mode"),
        ("ppc:440", "vCPU 0: ppc:440, supervisor mode"),
    ],
)
def test_what_info_threads_shows(arch: str, text: str) -> None:
    assert shown(start(arch)) == text


def test_a_processor_that_waits_for_an_interrupt(x86_session: Session) -> None:
    x86_session.guest.write_memory(x86_session.guest.backend.pc(), b"\xf4")
    ask(x86_session, b"vCont;c")

    assert shown(x86_session).endswith(", halted until an interrupt")
