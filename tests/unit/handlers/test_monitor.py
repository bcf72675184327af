"""``monitor``: core's own commands."""

from __future__ import annotations

import pytest

from kvmgdb.handlers.monitor import COMMANDS
from kvmgdb.outcomes import State
from kvmgdb.session import Session
from tests.support.guests import sample
from tests.support.sessions import ask, monitor, start


@pytest.mark.parametrize("command", ["help", "", "h"])
def test_help_lists_every_command(x86_session: Session, command: str) -> None:
    text = monitor(x86_session, command)

    for each in COMMANDS:
        assert f"{each.name} {each.usage}".strip() in text
        assert each.summary in text


@pytest.mark.parametrize("command", ["nonsense", "re", "HELP", "\x00"])
def test_what_is_unknown_or_ambiguous(x86_session: Session, command: str) -> None:
    assert monitor(x86_session, command) == f"unknown command {command!r}: try `monitor help`\n"


def test_info(session: Session) -> None:
    lines = monitor(session, "info").splitlines()

    assert lines[:5] == [
        f"architecture: {session.guest.arch.id}",
        "backend: emulator",
        "state: halted, 0 stops so far",
        "breakpoints: 0",
        "addresses in packets: virtual",
    ]
    assert "  0x0000000000 - 0x0000ffffff  ram" in lines


def test_registers_by_name(x86_session: Session) -> None:
    assert monitor(x86_session, "registers rip cr0") == ("rip  0x0000000000100000\ncr0  0x0000000080000033\n")


def test_without_a_name_the_system_registers(ppc_session: Session) -> None:
    names = [line.split()[0] for line in monitor(ppc_session, "registers").splitlines()]

    assert names == [r.name for r in ppc_session.guest.arch.registers if r.group == "system"]


def test_registers_that_do_not_exist(x86_session: Session) -> None:
    assert monitor(x86_session, "registers rip foo bar") == "registers: no register foo, bar\n"


class TestExits:
    def test_before_the_guest_ran(self, x86_session: Session) -> None:
        assert monitor(x86_session, "exits") == "no stops yet\n"

    def test_what_each_was_taken_for(self, session: Session) -> None:
        where = sample(str(session.guest.arch.id)).symbol("deposit")
        ask(session, b"Z0,%x,4" % where)
        ask(session, b"vCont;c")

        assert monitor(session, "exits") == (
            f"    1  {where:#018x}  breakpoint  to the debugger: breakpoint at {where:#x}\n"
        )

    def test_the_last_ones(self, session: Session) -> None:
        ask(session, b"Z0,%x,4" % sample(str(session.guest.arch.id)).symbol("deposit"))
        for _ in range(3):
            ask(session, b"vCont;c")

        lines = monitor(session, "exits 2").splitlines()

        assert [line.split()[0] for line in lines] == ["2", "3"]

    def test_a_count_that_is_none(self, x86_session: Session) -> None:
        assert monitor(x86_session, "exits many") == "exits: 'many' is not a number of lines\n"


@pytest.mark.parametrize("preset", ["transparent", "minimal"])
def test_policy(preset: str) -> None:
    session = start("x86:64", preset=preset)

    assert monitor(session, "policy").splitlines() == [
        f"preset: {preset}",
        f"software_breakpoints (Z0): {session.policy.software_breakpoints.value}",
        f"hardware_breakpoints (Z1): {session.policy.hardware_breakpoints.value}",
        "watchpoints (Z2-Z4): stub",
        "unclaimed_exits: guest",
        f"on_disconnect: {session.policy.on_disconnect.value}",
    ]


def test_breakpoints() -> None:
    session = start("x86:64", preset="hardware")
    assert monitor(session, "breakpoints").startswith("no breakpoints are set")
    where = sample("x86:64").symbol("deposit")
    ask(session, b"Z2,8000,8")
    ask(session, b"Z0,%x,1" % where)
    ask(session, b"vCont;c")

    assert monitor(session, "breakpoints").splitlines() == [
        "0x0000000000008000  write watchpoint       0 hits, 8 bytes",
        f"{where:#018x}  software breakpoint    1 hit, set as hardware breakpoint",
    ]


def test_breakpoints_are_told_of_while_gdb_has_taken_them_out() -> None:
    """As it does at every stop."""
    session = start("x86:64")
    where = sample("x86:64").symbol("deposit")
    watched = sample("x86:64").symbol("account") + 4
    for _ in range(3):
        ask(session, b"Z0,%x,1" % where)
        ask(session, b"Z2,%x,4" % watched)
        ask(session, b"vCont;c")
        ask(session, b"z0,%x,1" % where)
        ask(session, b"z2,%x,4" % watched)

    assert monitor(session, "breakpoints").splitlines() == [
        "no breakpoints are set (gdb takes them out while the guest stands still); when it ran last:",
        f"{where:#018x}  software breakpoint    2 hits",
        f"{watched:#018x}  write watchpoint       1 hit, 4 bytes",
    ]
    assert "breakpoints: 0, and 2 more when the guest ran last" in monitor(session, "info").splitlines()
    ask(session, b"vCont;s")
    assert "2 hits" in monitor(session, "breakpoints")
    ask(session, b"vCont;c")
    assert monitor(session, "breakpoints").endswith("while the guest stands still)\n")


def test_breakpoints_says_what_was_refused_until_the_guest_runs(session: Session) -> None:
    for _ in range(2):  # gdb tries again
        ask(session, b"Z2,1000,0")

    assert monitor(session, "breakpoints").splitlines()[1:] == [
        "refused: a write watchpoint of 0 bytes watches nothing"
    ]
    ask(session, b"vCont;s")
    assert "refused" not in monitor(session, "breakpoints")


def test_physical(x86_session: Session) -> None:
    assert monitor(x86_session, "physical") == "addresses in packets are virtual\n"
    assert monitor(x86_session, "physical on") == "addresses in packets are physical\n"
    assert monitor(x86_session, "physical off") == "addresses in packets are virtual\n"
    assert monitor(x86_session, "physical maybe") == "physical: 'maybe' is neither on nor off\n"


class TestReset:
    def test_the_guest_is_back_at_its_start(self, session: Session) -> None:
        before = ask(session, b"g")
        counter = sample(str(session.guest.arch.id)).symbol("counter")
        assert ask(session, b"vCont;c") == b"W00"

        assert monitor(session, "reset").startswith("the guest is back at its start")

        assert session.state is State.HALTED
        assert ask(session, b"g") == before
        assert ask(session, b"m%x,4" % counter) == b"00000000"
        assert ask(session, b"vCont;c") == b"W00"

    def test_breakpoints_stay(self, session: Session) -> None:
        guest = sample(str(session.guest.arch.id))
        ask(session, b"Z0,%x,4" % guest.symbol("deposit"))
        ask(session, b"Z2,%x,4" % guest.symbol("watched"))
        ask(session, b"vCont;c")
        first = session.guest.backend.pc()

        monitor(session, "reset")
        ask(session, b"vCont;c")

        assert session.guest.backend.pc() == first
        ask(session, b"z2,%x,4" % guest.symbol("watched"))
        ask(session, b"vCont;c")
        assert session.guest.backend.pc() == guest.symbol("deposit")

    def test_gdbs_own_traps_are_gone_with_the_memory_they_were_in(self) -> None:
        session = start("x86:64", preset="gdb-owned")
        where = sample("x86:64").symbol("deposit")
        ask(session, b"X%x,1:\xcc" % where)

        monitor(session, "reset")

        assert where not in session.traps
        assert ask(session, b"vCont;c") == b"W00"
