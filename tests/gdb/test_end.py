"""The orderly end: the guest uses its exit device."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest
from tests.support.serve import Serve


def test_gdb_is_told_and_the_server_ends(gdb: Gdb, serve: Serve) -> None:
    assert "[Inferior 1 (Remote target) exited normally]" in gdb.run("continue")
    assert serve.wait() == 0


@pytest.mark.parametrize(("status", "octal"), [(3, "03"), (255, "0377")])
def test_a_status_other_than_zero_reaches_gdb(gdb: Gdb, guest: SampleGuest, status: int, octal: str) -> None:
    gdb.run_to("exit_guest")
    gdb.run(f"set var status = {status}")
    assert f"exited with code {octal}" in gdb.run("continue")


def test_a_step_onto_the_end(gdb: Gdb) -> None:
    gdb.run_to("exit_guest")
    said = ""
    for _ in range(40):
        said += gdb.run("stepi")
        if "exited" in said:
            break
    assert "exited normally" in said
