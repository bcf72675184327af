"""Ctrl-C while the guest runs."""

from __future__ import annotations

import socket
import time

import pytest

from tests.support.gdb import Gdb
from tests.support.serve import LIMIT, Serve


@pytest.fixture
def spinning(gdb: Gdb, serve: Serve) -> Gdb:
    """gdb, waiting for a guest that loops for ever."""
    gdb.run("set var want_spin = 1")
    gdb.start("continue")
    serve.wait_for_error_text("sample guest")
    return gdb


def test_it_stops_the_guest_where_it_is(spinning: Gdb) -> None:
    stop = spinning.interrupt()
    assert "Program received signal SIGINT" in stop
    assert "spin ()" in stop
    assert "LINE spin" in stop


def test_the_session_goes_on_after_it(spinning: Gdb) -> None:
    spinning.interrupt()
    before = spinning.number("spins")
    assert "SIGINT" in spinning.interrupt_after("continue")
    assert spinning.number("spins") >= before
    spinning.run("set var keep_spinning = 0")
    assert "exited normally" in spinning.run("continue")


@pytest.mark.parametrize("arch", ["x86:64"])
def test_it_stops_a_next_that_never_comes_back(gdb: Gdb, serve: Serve) -> None:
    gdb.run("set var want_spin = 1")
    gdb.run_to("guest_main")
    gdb.script("next", "next")
    gdb.start("next")
    time.sleep(0.5)  # gdb steps into the call first; a Ctrl-C between two steps is gdb's own "Quit"
    assert "SIGINT" in gdb.interrupt()
    assert "interrupted by the debugger" in gdb.run("monitor exits")


@pytest.mark.parametrize("packets", [b"$vCont;c#a8\x03", b"\x03$vCont;c#a8"], ids=["behind", "before"])
def test_one_next_to_the_resume(serve: Serve, gdb: Gdb, packets: bytes) -> None:
    """gdb sends a Ctrl-C without waiting for anything, so it may come in together with the resume, or
    just before it; and "interrupts received while the program is stopped are queued" (GDB manual,
    "Interrupts").
    """
    gdb.script("set var want_spin = 1", "tbreak spin", "continue", "disconnect")
    with socket.create_connection(("127.0.0.1", serve.port), LIMIT) as raw:
        raw.sendall(packets)
        reply = b""
        while b"#" not in reply:
            reply += raw.recv(4096)
    assert reply.startswith(b"+$T02")
