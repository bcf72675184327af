"""Policy ``gdb-owned``: gdb writes its traps into memory, and the stub knows them by the writes."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb, attached
from tests.support.guests import SampleGuest, sample, self_debugging
from tests.support.serve import Serve

pytestmark = pytest.mark.parametrize("arch", ["x86:64", "ppc:440", "ppc:750"])


@pytest.fixture
def guest(arch: str) -> SampleGuest:
    return self_debugging(arch)


@pytest.fixture
def options(guest: SampleGuest) -> tuple[str, ...]:
    return ("--policy", "gdb-owned", "--image", str(guest.elf))


def _trap(guest: SampleGuest) -> str:
    """A function of the guest's that is a trap instruction and a return."""
    return "trap_int3" if guest.is_x86 else "trap_always"


def test_gdb_writes_its_trap_itself(gdb: Gdb, guest: SampleGuest) -> None:
    where, trap = guest.symbol("bump"), b"\xcc" if guest.is_x86 else b"\x7f\xe0\x00\x08"
    before = gdb.memory(where, len(trap))
    gdb.script("set breakpoint always-inserted on", "break *bump")
    assert gdb.memory(where, len(trap)) == trap != before
    assert gdb.run("monitor breakpoints").startswith("no breakpoints are set")
    gdb.run("delete")
    assert gdb.memory(where, len(trap)) == before


def test_it_is_reported_as_gdbs_breakpoint(gdb: Gdb, guest: SampleGuest) -> None:
    assert "Breakpoint 1, " in gdb.script("break *bump", "continue")
    assert gdb.number("$pc") == guest.symbol("bump")
    [*_, last] = gdb.run("monitor exits").splitlines()
    where = guest.symbol("bump")
    assert last.endswith(f"{where:#018x}  breakpoint  to the debugger: gdb's own trap at {where:#x}")


def test_gdb_goes_on_from_it_and_comes_back(gdb: Gdb, serve: Serve) -> None:
    assert "Breakpoint 1, " in gdb.script("break *bump", "continue")
    assert "Breakpoint 1, " in gdb.run("continue")
    assert "exited normally" in gdb.script("delete", "continue")
    assert "FAIL" not in serve.errors()


def test_a_step_over_it_is_one_instruction(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.script("break *bump", "continue", "stepi")
    assert gdb.number("$pc") == guest.symbol("bump_middle")


def test_the_traps_of_the_guest_stay_the_guests(gdb: Gdb, serve: Serve) -> None:
    assert "exited normally" in gdb.script("break guest_main", "continue", "continue")
    assert "FAIL" not in serve.errors()
    assert "Breakpoint" not in gdb.transcript[-1]


def test_one_on_a_trap_of_the_guests_is_gdbs_while_it_is_set(
    gdb: Gdb, serve: Serve, guest: SampleGuest
) -> None:
    """gdb's trap looks like the guest's: its write changes nothing."""
    gdb.script(f"break *{_trap(guest)}", "continue")
    assert gdb.number("$pc") == guest.symbol(_trap(guest))
    assert "gdb's own trap" in gdb.run("monitor exits 1")
    assert "exited normally" in gdb.script("delete", "continue")
    assert "FAIL" not in serve.errors()  # and so the guest got its trap


class TestGdbIsKilled:
    """While the guest runs, gdb's traps are in memory."""

    @pytest.fixture
    def guest(self, arch: str) -> SampleGuest:
        return sample(arch)

    @pytest.fixture
    def options(self) -> tuple[str, ...]:
        return ("--policy", "gdb-owned")

    def test_what_was_under_its_traps_is_put_back(self, gdb: Gdb, serve: Serve, guest: SampleGuest) -> None:
        gdb.script("set var want_spin = 1", "break deposit", "break factorial")
        before = gdb.memory(guest.symbol("deposit"), guest.size("deposit"))
        gdb.start("continue")
        serve.wait_for_error_text("sample guest")
        gdb.disappear()
        serve.wait_for_error_text("the debugger left 2 of its traps in memory: what was there is put back")
        with attached(serve.target, guest) as second:
            assert second.memory(guest.symbol("deposit"), guest.size("deposit")) == before
            assert "exited normally" in second.script("set var keep_spinning = 0", "continue")
