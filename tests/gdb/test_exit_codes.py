"""How ``kvmgdb serve`` ends."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests.support.gdb import Gdb
from tests.support.serve import Serve, run_serve, serving

USAGE = [
    (["--arch", "z80"], "z80"),
    (["--arch", "x86:128"], "128"),
    (["--backend", "xen"], "xen"),
    (["--listen", "tcp:127.0.0.1:notaport"], "notaport"),
    (["--listen", "carrier-pigeon"], "carrier-pigeon"),
    (["--listen", "tcp:0.0.0.0:0"], "--allow-remote"),
    (["--policy", "laissez-faire"], "laissez-faire"),
    (["--memory", "plenty"], "plenty"),
    (["--entry", "there"], "there"),
    (["--set", "policy.watchpoints=perhaps"], "perhaps"),
    (["--set", "nonsense=1"], "nonsense"),
    (["--no-such-option"], "--no-such-option"),
]


def test_zero_after_a_kill(gdb: Gdb, serve: Serve) -> None:
    gdb.run("kill")
    assert serve.wait() == 0


def test_zero_after_the_guest_ended_itself(gdb: Gdb, serve: Serve) -> None:
    gdb.run("continue")
    assert serve.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_130_when_interrupted_while_it_waits(number: signal.Signals) -> None:
    with serving() as serve:
        serve.signal(number)
        assert serve.wait() == 130
        assert "Traceback" not in serve.errors()


@pytest.mark.parametrize("arch", ["x86:64"])
def test_130_when_interrupted_with_a_debugger_attached(gdb: Gdb, serve: Serve) -> None:
    serve.signal(signal.SIGINT)
    assert serve.wait() == 130
    assert "Traceback" not in serve.errors()


def test_130_when_interrupted_while_the_guest_runs(gdb: Gdb, serve: Serve) -> None:
    gdb.run("set var want_spin = 1")
    gdb.start("continue")
    serve.wait_for_error_text("sample guest")
    serve.signal(signal.SIGINT)
    assert serve.wait() == 130
    assert "Traceback" not in serve.errors()


def test_130_when_interrupted_in_a_callback_of_the_emulator(tmp_path: Path) -> None:
    """A guest that prints without end is in one most of the time: some of these signals strike there."""
    image = tmp_path / "prints.bin"
    image.write_bytes(bytes.fromhex("66baf803 b041 ee ebfd"))  # mov $0x3f8,%dx; mov $'A',%al; 1: out; jmp 1b
    guest = ("--arch", "x86:32", "--image", f"{image}@0x1000", "--entry", "0x1000", "--run")
    for _ in range(6):
        with serving(*guest) as serve:
            serve.wait_for_error_text("AAAA")
            serve.signal(signal.SIGINT)
            assert serve.wait() == 130


@pytest.mark.parametrize(("arguments", "named"), USAGE, ids=[" ".join(a) for a, _ in USAGE])
def test_2_for_a_wrong_call(arguments: list[str], named: str) -> None:
    done = run_serve(*arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    text = done.stderr.decode()
    assert named in text
    assert "Traceback" not in text


def test_1_for_an_image_that_is_not_there(tmp_path: Path) -> None:
    done = run_serve("--image", str(tmp_path / "none.elf"))
    assert done.returncode == 1
    assert done.stderr.decode().count("\n") == 1
    assert "none.elf" in done.stderr.decode()


def test_1_for_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_serve("--listen", f"tcp:127.0.0.1:{port}")
    assert done.returncode == 1
    assert f"cannot listen on tcp:127.0.0.1:{port}" in done.stderr.decode()
    assert done.stderr.decode().count("\n") == 1
