"""gdb starts the server itself: ``target remote | kvmgdb serve --listen stdio``."""

from __future__ import annotations

from tests.support.gdb import attached
from tests.support.guests import SampleGuest
from tests.support.serve import KVMGDB


def test_a_session_over_a_pipe(arch: str, guest: SampleGuest) -> None:
    with attached(f"| {KVMGDB} serve --arch {arch} --listen stdio", guest) as gdb:
        assert "deposit (a=" in gdb.run_to("deposit")
        assert "balance = 100" in gdb.run("print *a")
        assert "exited normally" in gdb.run("continue")


def test_kill(arch: str, guest: SampleGuest) -> None:
    with attached(f"| {KVMGDB} serve --arch {arch} --listen stdio", guest) as gdb:
        assert "killed" in gdb.run("kill")


def test_interrupt(guest: SampleGuest, arch: str) -> None:
    """gdb keeps Ctrl-C from the server it has started: the guest is stopped, not the server."""
    with attached(f"| {KVMGDB} serve --arch {arch} --listen stdio", guest) as gdb:
        gdb.run("set var want_spin = 1")
        gdb.run_to("spin")
        assert "SIGINT" in gdb.interrupt_after("continue")
        assert "spin" in gdb.run("frame")
