"""Every variant there is: a breakpoint, a backtrace, a watch, the structure, and on to the orderly end."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb
from tests.support.guests import EVERY, SampleGuest


@pytest.mark.parametrize("arch", EVERY)
def test_a_short_session(gdb: Gdb, guest: SampleGuest) -> None:
    assert "deposit (a=" in gdb.script(f"break {guest.line('deposit-balance')}", "continue")
    frames = gdb.run("backtrace").splitlines()
    assert [frame.split(" (")[0].split()[-1] for frame in frames] == ["deposit", "guest_main", "_start"]
    assert "balance = 100, deposits = 0" in gdb.run("print *a")
    gdb.script("delete", "watch account.deposits")
    hit = gdb.run("continue")
    assert "Old value = 0" in hit
    assert "New value = 1" in hit
    gdb.run("delete")
    assert "exited normally" in gdb.run("continue")
