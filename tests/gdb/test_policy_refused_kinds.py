"""Keys ``hardware_breakpoints`` and ``watchpoints``: refuse, beside any preset."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest

pytestmark = pytest.mark.parametrize("arch", ["x86:64", "ppc:440", "ppc:750"])


class TestWatchpoints:
    @pytest.fixture
    def options(self) -> tuple[str, ...]:
        return ("--set", "policy.watchpoints=refuse")

    @pytest.mark.parametrize("packet", ["Z2", "z2", "Z3", "z3", "Z4", "z4"])
    def test_the_reply_is_empty(self, gdb: Gdb, guest: SampleGuest, packet: str) -> None:
        assert 'received: ""' in gdb.run(f"maintenance packet {packet},{guest.symbol('watched'):x},4")

    @pytest.mark.parametrize("command", ["watch", "rwatch", "awatch"])
    def test_gdb_says_that_it_cannot(self, gdb: Gdb, command: str) -> None:
        said = gdb.script(f"{command} watched", "continue")
        assert "Could not insert hardware watchpoint 1." in said
        assert "exited normally" in gdb.script("delete", "continue")

    def test_gdb_steps_and_compares_where_it_is_told_to(self, gdb: Gdb) -> None:
        gdb.run_to("touch_watched")
        assert gdb.script("set can-use-hw-watchpoints 0", "watch watched").startswith("Watchpoint 2: ")
        said = gdb.run("continue")
        assert "Old value = 0\nNew value = 1\n" in said
        assert "touch_watched ()" in said

    def test_breakpoints_of_both_kinds_are_set(self, gdb: Gdb) -> None:
        assert "deposit (" in gdb.script("tbreak deposit", "continue")
        assert "deposit (" in gdb.script("thbreak deposit", "continue")


class TestHardwareBreakpoints:
    @pytest.fixture
    def options(self) -> tuple[str, ...]:
        return ("--set", "policy.hardware_breakpoints=refuse")

    def test_gdb_says_that_it_cannot(self, gdb: Gdb) -> None:
        assert "Cannot insert hardware breakpoint 1." in gdb.script("hbreak deposit", "continue")

    def test_the_others_are_set(self, gdb: Gdb) -> None:
        assert "guest_main (" in gdb.script("tbreak guest_main", "continue")
        assert "Hardware watchpoint 2: watched" in gdb.script("watch watched", "continue")
