"""``--once``: the server ends with its first session."""

from __future__ import annotations

from tests.support.gdb import attached
from tests.support.guests import SampleGuest
from tests.support.serve import serving


def test_a_detach_ends_it(arch: str, guest: SampleGuest) -> None:
    with serving("--arch", arch, "--once") as serve:
        with attached(serve.target, guest) as gdb:
            gdb.run_to("deposit")
            gdb.run("detach")
        assert serve.wait() == 0


def test_a_debugger_that_vanishes_ends_it(arch: str, guest: SampleGuest) -> None:
    with serving("--arch", arch, "--once") as serve:
        with attached(serve.target, guest) as gdb:
            gdb.disappear()
        assert serve.wait() == 0
