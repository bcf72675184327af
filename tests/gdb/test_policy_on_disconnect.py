"""Key ``on_disconnect``: what becomes of the guest when gdb is gone without a word."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb, attached
from tests.support.guests import SampleGuest
from tests.support.serve import Serve

pytestmark = pytest.mark.parametrize("arch", ["x86:64", "ppc:440", "ppc:750"])


def _leave(gdb: Gdb, guest: SampleGuest, *, running: bool) -> int:
    """In an endless loop, with breakpoints set; how often it has gone round."""
    gdb.script("set var want_spin = 1", "set breakpoint always-inserted on", "break deposit")
    gdb.run_to(guest.line("spin"))
    spins = gdb.number("spins")
    if running:
        gdb.start("continue")
        gdb.wait_for("Continuing.")
    gdb.disappear()
    return spins


@pytest.fixture(params=["halted", "running"])
def running(request: pytest.FixtureRequest) -> bool:
    """Whether the guest was running when gdb went."""
    return bool(request.param == "running")


class TestRun:
    @pytest.fixture
    def options(self) -> tuple[str, ...]:
        return ("--set", "policy.on_disconnect=run")

    def test_the_guest_goes_on(self, gdb: Gdb, serve: Serve, guest: SampleGuest, running: bool) -> None:
        before = _leave(gdb, guest, running=running)
        with attached(serve.target, guest) as second:
            assert second.number("spins") > before
            assert "no breakpoints are set" in second.run("monitor breakpoints")
            assert "exited normally" in second.script("set var keep_spinning = 0", "continue")
        assert serve.wait() == 0


class TestRunWithTrapsOfGdbs:
    @pytest.fixture
    def options(self) -> tuple[str, ...]:
        return ("--policy", "gdb-owned", "--set", "policy.on_disconnect=run")

    def test_they_do_not_stop_it(self, gdb: Gdb, serve: Serve, guest: SampleGuest, running: bool) -> None:
        _leave(gdb, guest, running=running)
        serve.wait_for_error_text("what was there is put back")
        with attached(serve.target, guest) as second:
            assert "exited normally" in second.script("set var keep_spinning = 0", "continue")


class TestPause:
    @pytest.fixture
    def options(self) -> tuple[str, ...]:
        return ("--set", "policy.on_disconnect=pause")

    def test_the_guest_waits_where_it_is(self, gdb: Gdb, serve: Serve, guest: SampleGuest) -> None:
        before = _leave(gdb, guest, running=False)
        for _ in range(2):
            with attached(serve.target, guest) as next_one:
                assert next_one.number("spins") == before
                assert "spin" in next_one.run("frame")
                next_one.disappear()

    def test_a_running_guest_is_halted(self, gdb: Gdb, serve: Serve, guest: SampleGuest) -> None:
        _leave(gdb, guest, running=True)
        with attached(serve.target, guest) as second:
            spins = second.number("spins")
            second.disappear()
        with attached(serve.target, guest) as third:
            assert third.number("spins") == spins


class TestExit:
    @pytest.fixture
    def options(self) -> tuple[str, ...]:
        return ("--set", "policy.on_disconnect=exit")

    def test_the_server_ends(self, gdb: Gdb, serve: Serve, guest: SampleGuest, running: bool) -> None:
        _leave(gdb, guest, running=running)
        assert serve.wait() == 0
