"""``kvmgdb serve --gdb``: gdb on the user's terminal, attached; the server behind it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.guests import SampleGuest
from tests.support.serve import KVMGDB, LIMIT, clean_environment
from tests.support.terminal import CTRL_C, Terminal, on_terminal

Listeners = Callable[[], set[str]]


@pytest.fixture
def listeners(tmp_path: Path) -> Listeners:
    """What is left of the sockets made for gdb."""
    return lambda: {path.name for path in tmp_path.iterdir()}


@pytest.fixture
def terminal(arch: str, tmp_path: Path) -> Iterator[Terminal]:
    """gdb, at its first prompt."""
    command = [str(KVMGDB), "serve", "--gdb", "--arch", arch]
    environment = {"TERM": "dumb", "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    with on_terminal(command, environment) as screen:
        screen.wait_for("(gdb) ")
        yield screen


def say(terminal: Terminal, command: str) -> str:
    """Type a command; everything up to the next prompt."""
    terminal.type(f"{command}\n")
    return terminal.wait_for("(gdb) ")


def detach(terminal: Terminal) -> None:
    """Without waiting for the prompt: the guest goes on, and its console may print into the middle of it."""
    terminal.type("detach\n")
    terminal.wait_for("detached]", "sample guest")


def test_gdb_is_attached_and_has_symbols_and_source(terminal: Terminal, guest: SampleGuest) -> None:
    assert "_start ()" in terminal.seen
    assert "deposit (a=" in say(terminal, "tbreak deposit\ncontinue") + terminal.wait_for("(gdb) ")
    assert "LINE deposit-balance" in say(terminal, "frame")


def test_the_guests_console_is_shown(terminal: Terminal) -> None:
    terminal.type("continue\n")
    terminal.wait_for("balance = 500")
    terminal.wait_for("exited normally")


def test_ctrl_c_is_gdbs(terminal: Terminal) -> None:
    say(terminal, "set var want_spin = 1")
    terminal.type("continue\n")
    terminal.wait_for("sample guest")
    terminal.type(CTRL_C)
    assert "SIGINT" in terminal.wait_for("(gdb) ")
    terminal.type(CTRL_C)
    assert "Quit" in terminal.wait_for("(gdb) ")
    assert "spin" in say(terminal, "frame")


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("monitor br", "monitor breakpoints"),
        ("monitor physical of", "monitor physical off"),
        ("mon pol", "mon policy"),
    ],
)
def test_tab_knows_monitor_commands(terminal: Terminal, typed: str, completed: str) -> None:
    assert completed in say(terminal, f"complete {typed}")


def test_and_registers(terminal: Terminal, guest: SampleGuest) -> None:
    typed, completed = ("cr", "cr3") if guest.is_x86 else ("srr", "srr0")
    assert f"monitor registers {completed}" in say(terminal, f"complete monitor registers {typed}")


def test_monitor_commands_do_what_they_do(terminal: Terminal) -> None:
    assert "preset: transparent" in say(terminal, "monitor policy")
    assert "unknown command 'nothing'" in say(terminal, "monitor nothing")
    say(terminal, "disconnect")
    assert "not attached to it: target remote" in say(terminal, "monitor policy")


def test_the_server_ends_with_gdb(terminal: Terminal, listeners: Listeners) -> None:
    assert listeners() != set()
    terminal.type("quit\n")
    terminal.wait_for("will be killed")
    terminal.type("y\n")
    assert terminal.wait() == 0
    assert listeners() == set()


def test_a_gdb_that_is_not_attached_any_more_ends_it_too(terminal: Terminal, listeners: Listeners) -> None:
    detach(terminal)
    terminal.type("quit\n")
    assert terminal.wait() == 0
    assert listeners() == set()


def test_after_a_detach_gdb_can_attach_again(terminal: Terminal) -> None:
    say(terminal, "set var want_spin = 1")
    detach(terminal)
    address = terminal.seen.partition("debugging using ")[2].split()[0]
    terminal.type(f"target remote {address}\n")
    terminal.wait_for("spin (")


def test_gdb_is_told_to_end_when_the_server_is(terminal: Terminal, listeners: Listeners) -> None:
    terminal.process.terminate()
    assert terminal.wait() == 130
    assert listeners() == set()


def run(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = clean_environment() | ({"PATH": path} if path is not None else {})
    return subprocess.run(
        [str(KVMGDB), "serve", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        timeout=LIMIT,
        check=False,
    )


def test_arguments_of_ones_own_come_after_it_has_attached(arch: str) -> None:
    done = run(
        "--arch", arch, "--gdb-command", "gdb-multiarch -nx -batch -ex 'tbreak mix' -ex c -ex 'info args'"
    )
    assert "d = 4" in done.stdout, done.stderr
    assert done.returncode == 0


def test_it_can_begin_with_monitor_commands(arch: str) -> None:
    gdb = "gdb-multiarch -nx -batch -ex 'echo done'"
    done = run("--arch", arch, "--monitor", "policy", "--monitor", "physical on", "--gdb-command", gdb)
    policy, addresses, end = map(done.stdout.find, ("preset: transparent", "addresses in", "done"))
    assert 0 <= policy < addresses < end, done.stdout


def test_the_exit_status_is_gdbs() -> None:
    assert run("--gdb-command", "gdb-multiarch -nx -batch -ex 'quit 7'").returncode == 7


def test_disassembly_in_real_mode_is_for_16_bits() -> None:
    done = run("--arch", "x86:16", "--gdb-command", "gdb-multiarch -nx -batch -ex 'x/i 0x7c06'")
    assert "xor    %ebp,%ebp" in done.stdout  # without `set architecture`: %bp


def test_a_raw_powerpc_image_is_read_in_its_byte_order(tmp_path: Path) -> None:
    image = tmp_path / "loop.bin"
    image.write_bytes(bytes.fromhex("3860002a 48000000"))
    show = "gdb-multiarch -nx -batch -ex 'x/i $pc'"
    done = run("--arch", "ppc", "--image", f"{image}@0x1000", "--gdb-command", show)
    assert "li      r3,42" in done.stdout


def test_without_a_gdb_that_knows_the_guest_there_is_one_clear_line(tmp_path: Path) -> None:
    done = run("--arch", "ppc", "--gdb", path=str(tmp_path))
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("kvmgdb: no gdb that knows powerpc:common is installed: install gdb-multiarch")


def test_gdb_cannot_be_on_the_terminal_and_on_standard_input() -> None:
    done = run("--gdb", "--listen", "stdio")
    assert done.returncode == 2
    assert done.stderr == "kvmgdb: flag --listen: --gdb starts gdb itself: leave out listen stdio\n"


def test_where_to_listen_can_be_said(tmp_path: Path) -> None:
    socket = tmp_path / "here"
    done = run("--listen", f"unix:{socket}", "--gdb-command", "gdb-multiarch -nx -batch -ex 'info inferiors'")
    assert f"remote {socket}" in done.stdout
