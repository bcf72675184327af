"""A real gdb on ``kvmgdb serve --backend kvm``."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest

from kvmgdb_x86 import kvm_probe as probe
from tests.support import gdb as gdb_support
from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest, sample
from tests.support.kvm_host import REPORTED, measured
from tests.support.serve import Serve, serving

pytestmark = pytest.mark.gdb


@pytest.fixture(params=["x86:64", "x86:32", "x86:16"])
def guest(request: pytest.FixtureRequest) -> SampleGuest:
    """The sample guest of each variant."""
    return sample(request.param)


@pytest.fixture
def serve(guest: SampleGuest) -> Iterator[Serve]:
    """The server."""
    with serving("--arch", guest.arch, "--backend", "kvm") as server:
        yield server


@pytest.fixture
def gdb(serve: Serve, guest: SampleGuest) -> Iterator[Gdb]:
    """gdb, attached; the guest stands at its entry."""
    with gdb_support.attached(serve.target, guest) as debugger:
        yield debugger


def test_break_and_continue(gdb: Gdb) -> None:
    assert "deposit (a=" in gdb.script("break deposit", "continue")
    assert "amount = 50" in gdb.run("info args")
    assert "guest_main" in gdb.run("backtrace")
    gdb.run("continue")
    assert gdb.value("amount") == "25"


def test_the_code_of_a_breakpoint_reads_as_it_was(gdb: Gdb) -> None:
    before = gdb.run("x/4xb deposit")
    gdb.script("set breakpoint always-inserted on", "break *deposit", "continue")
    assert gdb.run("x/4xb deposit") == before


def test_stepi(gdb: Gdb) -> None:
    gdb.run_to("*deposit")
    second = int(gdb.run("x/2i $pc").splitlines()[1].split()[0], 16)
    gdb.run("stepi")
    assert gdb.number("$pc") == second


def test_next_and_finish(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.run_to(guest.line("deposit-balance"))
    gdb.run("next")
    assert gdb.value("a->balance") == "150"
    assert "Value returned" in gdb.run("finish")


def test_hbreak(gdb: Gdb) -> None:
    assert "factorial (n=10)" in gdb.script("hbreak factorial", "continue")
    assert "factorial (n=9)" in gdb.run("continue")


def test_watch(gdb: Gdb) -> None:
    gdb.run_to("touch_watched")
    hit = gdb.script("watch watched", "continue")
    assert "Old value = 0\nNew value = 1\n" in hit
    assert "Old value = 1\nNew value = 42\n" in gdb.run("continue")


def test_ctrl_c_goes_on_and_again(gdb: Gdb, serve: Serve) -> None:
    gdb.run("set var want_spin = 1")
    gdb.start("continue")
    serve.wait_for_error_text("sample guest")
    stop = gdb.interrupt()
    assert "SIGINT" in stop
    assert "spin ()" in stop
    assert "SIGINT" in gdb.interrupt_after("continue")
    gdb.script("set var keep_spinning = 0", "tbreak deposit")
    assert "deposit (a=" in gdb.run("continue")


def test_registers_of_the_machine(gdb: Gdb, guest: SampleGuest) -> None:
    expected = {"x86:64": 0x500, "x86:32": 0, "x86:16": 0}
    assert gdb.number("$efer") == expected[guest.arch]
    gdb.run("set var $dr0 = 0x1234")
    assert gdb.number("$dr0") == 0x1234


def test_monitor_reset(gdb: Gdb) -> None:
    gdb.run_to("deposit")
    gdb.go_back_to_start()
    assert "_start" in gdb.run("frame")
    assert "amount=50" in gdb.run_to("deposit")


def test_detach_leaves_the_guest_running_without_traps(gdb: Gdb, serve: Serve, guest: SampleGuest) -> None:
    """It prints what it prints without a debugger; then another debugger finds its code as it was."""
    gdb.script("break print_number", "continue", "detach")
    text = serve.wait_for_error_text("factorial(10) = 3628800")
    assert "counter = 1000\nticks = 1000\nwatched = 42\nbalance = 500\n" in text


def test_after_a_detach_the_guests_code_is_its_own(gdb: Gdb, serve: Serve, guest: SampleGuest) -> None:
    code = guest.symbol("deposit")
    before = gdb.memory(code, 8)
    gdb.script("set breakpoint always-inserted on", "set var want_spin = 1", "break deposit", "detach")
    with gdb_support.attached(serve.target, guest) as another:
        assert another.memory(code, 8) == before
        assert "spin ()" in another.run("frame")
        another.run("set var keep_spinning = 0")
        another.start("continue")
        assert "balance = 500" in serve.wait_for_error_text("factorial")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
@pytest.mark.parametrize("guest", ["x86:64"], indirect=True)
def test_the_end_of_the_server_is_the_end_of_the_guest(
    gdb: Gdb, serve: Serve, number: signal.Signals, code: int
) -> None:
    """Its memory, with the traps in it, is the server's: nothing of either is left."""
    gdb.script("break deposit", "set var want_spin = 1")
    gdb.start("continue")
    serve.wait_for_error_text("sample guest")
    serve.signal(number)
    assert serve.wait() == code
    assert re.search("Remote connection closed|reset by peer", gdb.finish())


@pytest.mark.parametrize("guest", ["x86:64"], indirect=True)
def test_a_policy_that_leaves_traps_to_gdb(guest: SampleGuest) -> None:
    """gdb writes INT3 into memory itself; where the host cannot execute that, it is still gdb's."""
    with (
        serving("--arch", guest.arch, "--backend", "kvm", "--policy", "gdb-owned") as server,
        gdb_support.attached(server.target, guest) as debugger,
    ):
        assert "deposit (a=" in debugger.script("break deposit", "continue")
        assert "amount = 25" in debugger.script("continue", "info args")


@pytest.mark.parametrize("guest", ["x86:64", "x86:16"], indirect=True)
def test_a_policy_that_cannot_work_here_is_named_at_the_start(guest: SampleGuest) -> None:
    mode = guest.arch.partition(":")[2]
    with serving("--arch", guest.arch, "--backend", "kvm", "--policy", "gdb-owned") as server:
        is_seen = measured()[probe.int3(mode)].startswith(REPORTED)
        assert ("take the preset transparent" in server.errors()) == (not is_seen)
