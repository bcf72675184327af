"""A second debugger is turned away at once, and the first does not notice."""

from __future__ import annotations

import socket

import pytest

from tests.support.gdb import Gdb, started
from tests.support.guests import SampleGuest
from tests.support.serve import Serve


def _is_turned_away(serve: Serve) -> bool:
    with socket.create_connection(("127.0.0.1", serve.port), 10) as second:
        try:
            return second.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


@pytest.mark.parametrize("arch", ["x86:64"])
def test_while_the_guest_stands_still(gdb: Gdb, serve: Serve) -> None:
    assert _is_turned_away(serve)
    assert "deposit (a=" in gdb.run_to("deposit")


@pytest.mark.parametrize("arch", ["x86:64"])
def test_while_the_guest_runs(gdb: Gdb, serve: Serve) -> None:
    gdb.run("set var want_spin = 1")
    gdb.start("continue")
    serve.wait_for_error_text("sample guest")
    assert _is_turned_away(serve)
    assert "SIGINT" in gdb.interrupt()


@pytest.mark.parametrize("arch", ["x86:64"])
def test_a_second_gdb_says_so(gdb: Gdb, serve: Serve, guest: SampleGuest) -> None:
    with started([str(guest.elf)]) as second:
        answer = second.run(f"target remote {serve.target}")
        assert "_start" not in answer
    assert "deposit (a=" in gdb.run_to("deposit")
