"""``kill`` ends the guest and the server."""

from __future__ import annotations

from tests.support.gdb import Gdb
from tests.support.serve import Serve


def test_it_ends_both(gdb: Gdb, serve: Serve) -> None:
    assert "killed" in gdb.run("kill")
    assert serve.wait() == 0


def test_in_the_middle_of_a_session(gdb: Gdb, serve: Serve) -> None:
    gdb.script("break deposit", "continue", "kill")
    assert serve.wait() == 0
    assert "goodbye" not in serve.errors()
