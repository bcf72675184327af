"""The child process: its end is told, ours is its, and a start that fails is one line."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.gdb import Gdb
from tests.support.patience import PATIENCE
from tests.support.serve import LIMIT, Serve, run_serve
from tests.support.tools import need


def children(pid: int) -> list[int]:
    """The QEMUs that a server has started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    found = [int(word) for word in text.split()]
    return [child for child in found if "qemu-system" in Path(f"/proc/{child}/cmdline").read_text("latin-1")]


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + LIMIT
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline, f"{pid} is still there"
        time.sleep(0.01 * PATIENCE)


def qemu_of(serve: Serve) -> int:
    assert serve.process.pid is not None
    [child] = children(serve.process.pid)
    return child


def test_a_qemu_that_dies_is_a_stop_and_a_reset_starts_another(gdb: Gdb, serve: Serve) -> None:
    gdb.run("set var want_spin = 1")
    gdb.start("continue")
    serve.wait_for_error_text("sample guest")
    os.kill(qemu_of(serve), signal.SIGKILL)
    assert "SIGABRT" in gdb.finish()
    assert "QEMU was killed by signal 9" in gdb.run("monitor exits")
    gdb.go_back_to_start()
    assert "exited normally" in gdb.run("continue")
    assert "Traceback" not in serve.errors()


def test_one_that_dies_while_the_guest_stands_still(gdb: Gdb, serve: Serve) -> None:
    gdb.run_to("deposit")
    os.kill(qemu_of(serve), signal.SIGKILL)
    assert "SIGABRT" in gdb.run("continue")
    assert "QEMU was killed" in gdb.run("monitor exits")
    assert "Cannot access memory" in gdb.run("set var counter = 1")
    assert "deposit (" in gdb.run("frame")
    gdb.go_back_to_start()
    assert "exited normally" in gdb.run("continue")
    assert "Traceback" not in serve.errors()


def test_a_server_that_is_killed_takes_it_along(serve: Serve) -> None:
    child = qemu_of(serve)
    serve.signal(signal.SIGKILL)
    serve.wait()
    wait_until_gone(child)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_ends_ends_it(serve: Serve, number: signal.Signals) -> None:
    child = qemu_of(serve)
    serve.signal(number)
    serve.wait()
    wait_until_gone(child)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["backend.machine=nowhere"], "has ended at once: "),
        (["backend.cpu=nowhere"], "unable to find CPU model 'nowhere'"),
        (["backend.program=qemu-of-nowhere"], "qemu-of-nowhere is not installed"),
        (["backend.colour=blue"], "the backend qemu has no such option (it has: program, machine"),
        (["backend.arguments=-smp 2"], "-smp is not for here: a guest has one processor"),
        (["backend.start=somewhere"], "backend.start is image or machine"),
        (["backend.arguments=-vga 'std"], "backend.arguments: No closing quotation"),
        (["backend.arguments=-device nowhere"], "'nowhere' is not a valid device model name"),
    ],
)
def test_what_cannot_start_is_one_line(options: list[str], line: str) -> None:
    need("the QEMU backend", "qemu-system-x86_64")
    words = [word for option in options for word in ("--set", option)]
    done = run_serve("--backend", "qemu", *words)
    text = done.stderr.decode()
    assert line in text
    assert done.returncode in (1, 2)
    assert len(text.strip().splitlines()) == 1, text


def test_an_architecture_no_board_has() -> None:
    done = run_serve("--backend", "qemu", "--arch", "ppc:405", "--image", __file__ + "@0x1000")
    assert b"QEMU does not run ppc:405" in done.stderr
