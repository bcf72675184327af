"""Leaving a guest and coming back to it."""

from __future__ import annotations

from tests.support.gdb import Gdb, attached
from tests.support.guests import SampleGuest
from tests.support.serve import Serve, serving


def _leave_spinning(gdb: Gdb, guest: SampleGuest) -> int:
    """Stop the guest in its endless loop; how often it has gone round."""
    gdb.run("set var want_spin = 1")
    gdb.run_to(guest.line("spin"))
    return gdb.number("spins")


def test_the_guest_runs_on_and_is_found_again(gdb: Gdb, serve: Serve, guest: SampleGuest) -> None:
    before = _leave_spinning(gdb, guest)
    assert "detached" in gdb.run("detach")
    with attached(serve.target, guest) as second:
        assert second.number("spins") > before
        assert "spin" in second.run("frame")
        second.run("set var keep_spinning = 0")
        assert "exited normally" in second.run("continue")
    assert serve.wait() == 0


def test_breakpoints_go_with_the_debugger(gdb: Gdb, serve: Serve, guest: SampleGuest) -> None:
    _leave_spinning(gdb, guest)
    gdb.script("break deposit", "watch counter", "detach")
    with attached(serve.target, guest) as second:
        assert "no breakpoints are set" in second.run("monitor breakpoints")
        second.run("set var keep_spinning = 0")
        assert "exited normally" in second.run("continue")


def test_a_guest_that_ends_without_a_debugger_ends_the_server(gdb: Gdb, serve: Serve) -> None:
    gdb.run("detach")
    assert serve.wait() == 0
    assert "goodbye\n" in serve.errors()


def test_a_debugger_that_vanishes_leaves_the_guest_running(
    gdb: Gdb, serve: Serve, guest: SampleGuest
) -> None:
    before = _leave_spinning(gdb, guest)
    gdb.disappear()
    with attached(serve.target, guest) as second:
        assert second.number("spins") > before


def test_a_debugger_that_vanishes_from_a_running_guest(gdb: Gdb, serve: Serve, guest: SampleGuest) -> None:
    gdb.run("set var want_spin = 1")
    gdb.start("continue")
    serve.wait_for_error_text("sample guest")
    gdb.disappear()
    with attached(serve.target, guest) as second:
        assert "spin" in second.run("frame")


def test_on_disconnect_pause(arch: str, guest: SampleGuest) -> None:
    with serving("--arch", arch, "--set", "policy.on_disconnect=pause") as serve:
        with attached(serve.target, guest) as first:
            before = _leave_spinning(first, guest)
            first.disappear()
        with attached(serve.target, guest) as second:
            assert second.number("spins") == before


def test_on_disconnect_exit(arch: str, guest: SampleGuest) -> None:
    with serving("--arch", arch, "--set", "policy.on_disconnect=exit") as serve:
        with attached(serve.target, guest) as first:
            first.disappear()
        assert serve.wait() == 0
