"""A real gdb on ``kvmgdb serve --backend qemu``."""

from __future__ import annotations

import pytest

from tests.support import gdb as gdb_support
from tests.support.gdb import Gdb
from tests.support.guests import EVERY, SampleGuest
from tests.support.serve import Serve, serving


@pytest.mark.parametrize("arch", EVERY)
def test_every_board_runs_its_guest_to_a_breakpoint_and_to_its_end(gdb: Gdb, serve: Serve) -> None:
    assert "amount=25" in gdb.script("break deposit if amount == 25", "continue")
    assert gdb.value("a->balance") == "150"
    gdb.run("delete")
    assert "exited normally" in gdb.run("continue")
    assert serve.errors().rstrip().endswith("goodbye")


def test_it_is_where_the_guest_starts(gdb: Gdb, guest: SampleGuest) -> None:
    assert gdb.number("$pc") == guest.symbol("_start")


def test_steps(gdb: Gdb) -> None:
    gdb.run_to("*deposit")
    second = int(gdb.run("x/2i $pc").splitlines()[1].split()[0], 16)
    gdb.run("stepi")
    assert gdb.number("$pc") == second
    assert "LINE deposit-balance" in gdb.run_to("deposit")
    assert "LINE deposit-count" in gdb.run("next")


def test_next_over_a_loop_is_one_stop(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.run_to(guest.line("count"))
    gdb.run("next")
    assert gdb.number("counter") in (0, 1)
    assert "Run till exit" in gdb.run("finish")
    assert gdb.number("counter") == 1000


def test_a_watchpoint_has_the_value_before_and_after(gdb: Gdb) -> None:
    stop = gdb.script("watch account.balance", "continue")
    assert "Old value = 100" in stop
    assert "New value = 150" in stop
    assert "LINE deposit-count" in stop


def test_a_read_watchpoint(gdb: Gdb) -> None:
    assert "Value = 100" in gdb.script("rwatch account.balance", "continue")


def test_a_condition_that_is_false_is_no_stop(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.script(
        "set breakpoint always-inserted on", f"break {guest.line('count')} if counter == 300", "continue"
    )
    assert gdb.number("counter") == 300
    assert "1 hit, 300 times its condition was false" in gdb.run("monitor breakpoints")


def test_dprintf_in_the_stub(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.run("set dprintf-style agent")
    shown = gdb.script('dprintf deposit,"paid %d\\n",amount', "continue")
    assert [line for line in shown.splitlines() if line.startswith("paid")][:2] == ["paid 50", "paid 25"]


def test_ctrl_c_and_on(gdb: Gdb, serve: Serve) -> None:
    gdb.run("set var want_spin = 1")
    gdb.start("continue")
    serve.wait_for_error_text("sample guest")
    assert "SIGINT" in gdb.interrupt()
    before = gdb.number("spins")
    assert "SIGINT" in gdb.interrupt_after("continue")
    assert gdb.number("spins") >= before
    gdb.run("set var keep_spinning = 0")
    assert "exited normally" in gdb.run("continue")


def test_detach_and_attach_again(gdb: Gdb, serve: Serve, guest: SampleGuest) -> None:
    gdb.run("set var want_spin = 1")
    gdb.run_to(guest.line("spin"))
    before = gdb.number("spins")
    assert "detached" in gdb.run("detach")
    with gdb_support.attached(serve.target, guest) as second:
        assert second.number("spins") > before
        second.run("set var keep_spinning = 0")
        assert "exited normally" in second.run("continue")
    assert serve.wait() == 0


def test_kill_ends_the_server(gdb: Gdb, serve: Serve) -> None:
    assert "killed" in gdb.run("kill")
    assert serve.wait() == 0


def test_reset(gdb: Gdb, serve: Serve) -> None:
    gdb.script("set var account.balance = 7", "break factorial", "continue")
    gdb.go_back_to_start()
    assert gdb.value("account.balance") == "100"
    assert "factorial (" in gdb.run("continue")
    gdb.run("delete")
    assert "exited normally" in gdb.run("continue")
    assert serve.errors().count("kvmgdb sample guest") == 2


@pytest.mark.parametrize("arch", ["ppc:440", "ppc:750"])
def test_an_exception_without_a_handler_stops_where_it_was_raised(gdb: Gdb) -> None:
    stop = gdb.script("set var want_crash = 1", "continue")
    assert "SIGILL" in stop
    assert "in crash (kind=1)" in stop
    assert "the guest has no handler" in gdb.run("monitor exits")


@pytest.mark.parametrize("arch", ["x86:64", "x86:32"])
def test_a_triple_fault_is_a_stop_and_a_reset_helps(gdb: Gdb) -> None:
    stop = gdb.script("set var want_crash = 2", "continue")
    assert "SIGABRT" in stop
    assert "a triple fault" in gdb.run("monitor exits")
    assert "SIGABRT" in gdb.run("continue")
    gdb.go_back_to_start()
    assert "exited normally" in gdb.run("continue")


@pytest.mark.parametrize("arch", ["x86:64"])
def test_registers_qemu_only_prints_and_one_it_does_not_have(gdb: Gdb) -> None:
    assert gdb.number("$gdtr_base") == 0xFFFE8000
    assert gdb.value("$lstar") == "<unavailable>"
    assert "QEMU does not tell of the register lstar" in gdb.run("monitor registers lstar")
    assert "ffff0ff0" in gdb.run("monitor registers dr6")
    assert "Could not write" in gdb.run("set var $idtr_base = 1")


@pytest.mark.parametrize(("arch", "preset"), [("x86:64", "gdb-owned"), ("ppc:440", "catch-all")])
def test_what_of_a_policy_cannot_hold_is_said(arch: str, preset: str) -> None:
    with serving("--arch", arch, "--backend", "qemu", "--policy", preset) as server:
        assert f"policy {preset}: " in server.wait_for_error_text("QEMU does not report")


def test_qemus_own_monitor(gdb: Gdb) -> None:
    assert "VM status: paused" in gdb.run("monitor qemu info status")
    assert "nonsense" in gdb.run("monitor qemu info nonsense")


@pytest.mark.parametrize("arch", ["x86:64"])
@pytest.mark.parametrize("command", ["cont", "quit", "migrate exec:true", "pmemsave 0 1 /tmp/x", "", "xp\tq"])
def test_what_of_it_would_reach_the_host_or_run_the_guest(gdb: Gdb, command: str) -> None:
    assert "is not let through; these are: delvm, gva2gpa" in gdb.run(f"monitor qemu {command}")
