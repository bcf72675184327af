"""Sessions on the workers of a Dask scheduler: one scheduler and two workers, all on this machine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.support.lab import LIMIT, processes_with, run_lab, start_lab, until, write_lab
from tests.support.serve import clean_environment


@contextmanager
def dask(folder: Path, name: str, *words: str) -> Iterator[Path]:
    """A ``dask`` process; the file of what it says."""
    output = folder / f"{name}.log"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:], "--no-dashboard"],
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield output
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def scheduling(folder: Path) -> Iterator[tuple[str, int]]:
    """A scheduler without workers; its address and its process."""
    with dask(folder, "scheduler", "scheduler", "--host", "127.0.0.1", "--port", "0") as output:
        pattern = re.compile(r"Scheduler at:\s+(tcp://\S+)")
        until("the scheduler listens", lambda: pattern.search(output.read_text()))
        found = pattern.search(output.read_text())
        assert found is not None
        [process] = [pid for pid in processes_with("dask_scheduler") if _works_in(pid, folder)]
        yield found[1], process


def _works_in(pid: int, folder: Path) -> bool:
    return Path(f"/proc/{pid}/cwd").resolve() == folder.resolve()


@contextmanager
def working(folder: Path, name: str, address: str) -> Iterator[None]:
    """A worker, once the scheduler knows it."""
    words = ("worker", address, "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1")
    with dask(folder, name, *words) as log:
        until("the worker is there", partial(_is_registered, log))
        yield


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler with two workers."""
    with (
        scheduling(tmp_path) as (address, _),
        working(tmp_path, "w1", address),
        working(tmp_path, "w2", address),
    ):
        yield address


def _is_registered(log: Path) -> bool:
    return "Registered to" in log.read_text()


def test_the_report_is_the_same(tmp_path: Path, scheduler: str) -> None:
    (tmp_path / "big.bin").write_bytes(b"\xf4" * 11_000_000)
    file = write_lab(
        tmp_path,
        [
            "guests:",
            "  a: {arch: 'x86:64'}",
            "  b: {arch: ppc}",
            "  big: {arch: 'x86:16', guest: {image: {path: big.bin, address: 0x8000}}}",
            "sessions:",
            "  large: {guest: big, gdb: [], expect: {registers: {eip: 0x8000}}}",
            "  ends: {guest: b, gdb: continue, expect: {exit: 0, console: goodbye}}",
            "  wrong: {guest: a, gdb: [break deposit, continue], expect: {values: {amount: 51}}}",
        ],
    )

    far, here = (
        run_lab("run", file, "--json", str(tmp_path / name), *more)
        for name, more in (("far", ["--workers", scheduler]), ("here", []))
    )

    assert (far.returncode, here.returncode) == (1, 1)
    assert "Warning" not in far.stderr  # of the large image
    documents = [json.loads((tmp_path / name).read_text())["sessions"] for name in ("far", "here")]
    for one, other in zip(*documents, strict=True):
        assert one["where"].startswith("tcp://")
        for key in ("name", "outcome", "checks", "arch", "transcript", "console"):
            assert one[key] == other[key]


def test_a_session_whose_worker_is_killed_is_held_again_elsewhere(tmp_path: Path, scheduler: str) -> None:
    """The session waits for a file, which appears once its first worker is dead."""
    script = f"wait-{os.getpid()}.py"
    (tmp_path / script).write_text(
        "import os, pathlib, time\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "worker = os.getppid()\n"
        "(folder / f'held-by-{worker}').touch()\n"
        "while not (folder / 'go').exists():\n"
        "    time.sleep(0.02)\n"
    )
    file = write_lab(
        tmp_path,
        ["guests: {a: {arch: 'x86:64'}}", "sessions:", f"  s: {{guest: a, python: {script}, timeout: 50}}"],
    )
    results = tmp_path / "results.json"
    lab = start_lab(tmp_path / "out", "run", file, "--workers", scheduler, "--json", str(results))
    until("the session is held", lambda: list(tmp_path.glob("held-by-*")))
    [mark] = tmp_path.glob("held-by-*")
    first = int(mark.name.rpartition("-")[2])

    os.kill(first, signal.SIGKILL)
    until("it is held again", lambda: len(list(tmp_path.glob("held-by-*"))) == 2)
    (tmp_path / "go").touch()

    assert lab.wait(LIMIT) == 0, (tmp_path / "out").read_text()
    [session] = json.loads(results.read_text())["sessions"]
    assert session["outcome"] == "passed"
    until("nothing of the first is left", lambda: len(processes_with(script)) == 0)


def test_a_worker_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    file = write_lab(tmp_path, ["guests: {a: {}}", "sessions: {s: {guest: a, gdb: continue}}"])
    with scheduling(tmp_path) as (address, _):
        lab = start_lab(tmp_path / "out", "run", file, "--workers", address)
        until("it is said", lambda: "has no worker: waiting for one" in (tmp_path / "out").read_text())
        with working(tmp_path, "w1", address):
            assert lab.wait(LIMIT) == 0


def test_with_the_scheduler_only_what_was_not_over_is_lost(tmp_path: Path) -> None:
    (tmp_path / "wait.py").write_text("import time\ntime.sleep(100)\n")
    file = write_lab(
        tmp_path,
        [
            "guests: {a: {}}",
            "sessions: {good: {guest: a, gdb: continue}, s: {guest: a, python: wait.py}}",
        ],
    )
    results = tmp_path / "results.json"
    with scheduling(tmp_path) as (address, process), working(tmp_path, "w1", address):
        lab = start_lab(tmp_path / "out", "run", file, "--workers", address, "--json", str(results))
        until("one is over", lambda: "passed  good" in (tmp_path / "out").read_text())
        os.kill(process, signal.SIGKILL)

        assert lab.wait(LIMIT) == 1
    found = {s["name"]: (s["outcome"], s["problem"]) for s in json.loads(results.read_text())["sessions"]}
    lost = f"--workers: the scheduler at {address} is lost"
    assert found == {"good": ("passed", ""), "s": ("error", lost)}
    assert "Traceback" not in (tmp_path / "out").read_text()


def test_no_scheduler(tmp_path: Path) -> None:
    file = write_lab(tmp_path, ["guests: {a: {}}", "sessions: {s: {guest: a, gdb: continue}}"])

    done = run_lab("run", file, "--workers", "127.0.0.1:1")

    assert done.returncode == 1
    assert done.stderr.startswith("kvmgdb: --workers: no scheduler answers at 127.0.0.1:1: ")
    assert done.stderr.count("\n") == 1
