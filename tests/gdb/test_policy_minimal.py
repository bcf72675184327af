"""Policy ``minimal``, the plan of 2008: gdb writes its own traps, the stub keeps only watchpoints."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest

pytestmark = pytest.mark.parametrize("arch", ["x86:64", "ppc:440", "ppc:750"])


@pytest.fixture
def options() -> tuple[str, ...]:
    return ("--policy", "minimal")


@pytest.mark.parametrize("packet", ["Z0", "z0", "Z1", "z1"])
def test_breakpoints_get_the_empty_reply(gdb: Gdb, guest: SampleGuest, packet: str) -> None:
    answer = gdb.run(f"maintenance packet {packet},{guest.symbol('deposit'):x},4")
    assert 'received: ""' in answer


def test_a_breakpoint_is_a_trap_of_gdbs(gdb: Gdb) -> None:
    assert "Breakpoint 1, deposit" in gdb.script("break deposit", "continue")
    assert "gdb's own trap at" in gdb.run("monitor exits")


def test_a_hardware_breakpoint_is_refused_in_gdbs_own_words(gdb: Gdb) -> None:
    said = gdb.script("hbreak deposit", "continue")
    assert "Cannot insert hardware breakpoint 1." in said
    assert "You may have requested too many hardware breakpoints/watchpoints." in said
    assert "exited normally" in gdb.script("delete", "continue")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("watch", "Hardware watchpoint 1: watched"),
        ("rwatch", "Hardware read watchpoint 1: watched"),
        ("awatch", "Hardware access (read/write) watchpoint 1: watched"),
    ],
)
def test_watchpoints_are_the_stubs(gdb: Gdb, command: str, said: str) -> None:
    gdb.run(f"{command} watched")
    assert said in gdb.run("continue")
    assert "watchpoint hit at" in gdb.run("monitor exits 1")
