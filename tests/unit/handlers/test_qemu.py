"""What scripts written for QEMU's stub send."""

from __future__ import annotations

from kvmgdb.session import Session
from tests.support.sessions import ask, error_text, monitor


def test_physical_memory_mode(x86_session: Session) -> None:
    assert ask(x86_session, b"qqemu.PhyMemMode") == b"0"
    assert ask(x86_session, b"Qqemu.PhyMemMode:1") == b"OK"
    assert ask(x86_session, b"qqemu.PhyMemMode") == b"1"
    assert ask(x86_session, b"Qqemu.PhyMemMode:0") == b"OK"
    assert ask(x86_session, b"qqemu.PhyMemMode") == b"0"


def test_it_is_what_the_monitor_switches(x86_session: Session) -> None:
    monitor(x86_session, "physical on")

    assert ask(x86_session, b"qqemu.PhyMemMode") == b"1"


def test_step_flags_say_what_a_step_is_here(x86_session: Session) -> None:
    assert ask(x86_session, b"qqemu.sstepbits") == b"ENABLE=1"
    assert ask(x86_session, b"qqemu.sstep") == b"0x1"
    assert ask(x86_session, b"Qqemu.sstep=1") == b"OK"


def test_others_cannot_be_had(x86_session: Session) -> None:
    assert error_text(x86_session, b"Qqemu.sstep=7") == "step flags 0x7: only 0x1 (ENABLE) can be had"
