"""``kvmgdb lab up``: guests that are served side by side, and what is said of them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support import gdb as gdb_support
from tests.support.guests import sample
from tests.support.lab import LIMIT, processes_with, start_lab, until, write_lab


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def lab(tmp_path: Path, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    file = write_lab(
        tmp_path,
        ["title: three", "guests: {one: {arch: 'x86:64'}, two: {arch: ppc}, bad: {guest: {image: none}}}"],
    )
    process = start_lab(output, "up", file, environment={"TMPDIR": str(tmp_path)})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def address(output: Path, name: str) -> str:
    """Where a guest listens, once it does."""
    pattern = re.compile(rf"^{name}  .*tcp:(\S+)  waiting$", re.MULTILINE)
    until(f"{name} is served", lambda: pattern.search(output.read_text()))
    found = pattern.search(output.read_text())
    assert found is not None
    return found[1]


def says(output: Path, pattern: str) -> None:
    until(pattern, lambda: re.search(pattern, output.read_text(), re.MULTILINE))


@pytest.mark.usefixtures("lab")
def test_what_happens_to_a_guest_is_told(output: Path) -> None:
    target = address(output, "one")

    with gdb_support.attached(target, sample("x86:64")) as gdb:
        says(output, r"^one  x86:64  emulator  tcp:\S+  attached  127\.0\.0\.1:\d+")
        gdb.script("break deposit", "continue")
        says(output, r"^one .* breakpoint at 0x[0-9a-f]+$")
        gdb.script("delete", "continue")
    says(output, r"^one .* ended  the guest ended with status 0$")


@pytest.mark.usefixtures("lab")
def test_a_guest_whose_process_is_killed_says_so(output: Path) -> None:
    address(output, "two")
    [folder] = output.parent.glob("kvmgdb-lab-*")
    [guest] = processes_with(str(folder / "1" / "guest.yaml"))

    os.kill(guest, signal.SIGKILL)

    says(output, r"^two .* failed  the guest's process was ended by SIGKILL$")
    address(output, "one")


def _waits_again(output: Path, target: str, times: int) -> bool:
    return output.read_text().count(f"tcp:{target}  waiting  the guest ended with status 0\n") == times


def test_a_guest_that_has_ended_is_started_again_where_that_is_asked_for(
    tmp_path: Path, output: Path
) -> None:
    process = start_lab(output, "up", write_lab(tmp_path, ["guests: {one: {arch: 'x86:64'}}"]), "--restart")
    try:
        target = address(output, "one")
        for lives in (1, 2):
            with gdb_support.attached(target, sample("x86:64")) as gdb:
                gdb.script("continue")
            until("it waits again", partial(_waits_again, output, target, lives))
    finally:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("lab")
def test_a_guest_that_does_not_start_says_why_and_stops_no_other(output: Path) -> None:
    says(output, r"^bad  emulator  failed  .*none: cannot be read: No such file or directory$")
    address(output, "two")


def test_ctrl_c_ends_them_all(lab: subprocess.Popen[bytes], output: Path) -> None:
    targets = [address(output, name) for name in ("one", "two")]

    lab.send_signal(signal.SIGINT)

    assert lab.wait(LIMIT) == 130
    assert "Traceback" not in output.read_text()
    for target in targets:
        host, _, port = target.partition(":")
        assert not _is_listening(host, int(port))


def test_killed_it_takes_its_guests_along(lab: subprocess.Popen[bytes], output: Path) -> None:
    host, _, port = address(output, "one").partition(":")

    lab.kill()
    lab.wait()

    until("the guest is gone", lambda: not _is_listening(host, int(port)))


def test_what_the_guests_print_can_be_kept(tmp_path: Path, output: Path) -> None:
    file = write_lab(tmp_path, ["guests: {one: {run: true}, two: {arch: ppc, run: true}}"])

    for _ in range(2):
        lab = start_lab(output, "up", file, "--logs", str(tmp_path / "new" / "logs"))
        assert lab.wait(LIMIT) == 0, output.read_text()

    for name in ("one", "two"):
        folder = tmp_path / "new" / "logs" / name
        for console in ("console", "console.1"):
            assert "goodbye" in (folder / console).read_text()
        assert "the guest ended with status 0" in (folder / "trace.jsonl").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_socket_and_no_folder_is_left(tmp_path: Path, output: Path, number: signal.Signals) -> None:
    """Not even where the lab has no time to say goodbye."""
    (tmp_path / "tmp").mkdir()
    file = write_lab(tmp_path, ["guests: {one: {listen: 'unix:one.sock'}}"])
    process = start_lab(output, "up", file, environment={"TMPDIR": str(tmp_path / "tmp")})
    says(output, "one .* waiting$")
    assert (tmp_path / "one.sock").is_socket()

    process.send_signal(number)
    process.wait(LIMIT)

    until("the socket is gone", lambda: not (tmp_path / "one.sock").exists())
    until("the folder is gone", lambda: not list((tmp_path / "tmp").iterdir()))


def _is_listening(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True
