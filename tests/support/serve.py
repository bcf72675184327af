"""A real ``kvmgdb serve`` process for a test, and never one left behind.

Most tests take their server from a fork server, a process that has done the imports once: a tenth of the
time, and everything from reading the command line on is the same.  ``cold=True`` runs the installed
command itself.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.support.patience import PATIENCE

KVMGDB = Path(sys.executable).with_name("kvmgdb")
"""The command as it was installed next to the interpreter that runs the tests."""

LIMIT = 20.0 * PATIENCE
"""Seconds anything here may take.  Far above what it does take: running into it is a failure."""

_PRELOAD = [
    "kvmgdb.cli.main",
    "kvmgdb.app",
    "kvmgdb.backends.emulator.backend",
    "kvmgdb.config.load",
    "kvmgdb.handlers.monitor",
    "kvmgdb_ppc.emulator",
    "kvmgdb_x86.emulator",
    "tests.support.serve",
]
_PREFIX = "listening on "

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(_PRELOAD)


@dataclass(slots=True)
class Serve:
    """One running server."""

    process: subprocess.Popen[bytes] | ForkServerProcess
    folder: Path
    address: str = ""
    """As announced: ``tcp:127.0.0.1:43211``, ``unix:PATH``."""

    @property
    def target(self) -> str:
        """What gdb's ``target remote`` takes."""
        return self.address.removeprefix("tcp:").removeprefix("unix:")

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self.address.rpartition(":")[2])

    def output(self) -> str:
        """Standard output so far."""
        return (self.folder / "out").read_text()

    def errors(self) -> str:
        """Standard error so far: the guest's console, and whatever the server says."""
        return (self.folder / "err").read_text()

    def wait_for_error_text(self, text: str) -> str:
        """Standard error, once ``text`` is in it."""
        deadline = time.monotonic() + LIMIT
        while text not in self.errors():
            if time.monotonic() > deadline:
                raise AssertionError(f"no {text!r} on standard error:\n{self.errors()}")
            time.sleep(0.005)
        return self.errors()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, such as a Ctrl-C."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def wait(self) -> int:
        """The exit code, once it has ended."""
        code: int | None
        if isinstance(self.process, subprocess.Popen):
            return self.process.wait(LIMIT)
        self.process.join(LIMIT)
        code = self.process.exitcode
        if code is None:
            raise AssertionError("the server has not ended")
        return code

    def wait_until_it_listens(self) -> None:
        """Until it has said where."""
        deadline = time.monotonic() + LIMIT
        while not (line := self.output()).endswith("\n"):
            if not self._is_alive() or time.monotonic() > deadline:
                raise AssertionError(f"serve said {line!r} and not where it listens:\n{self.errors()}")
            time.sleep(0.005)
        assert line.startswith(_PREFIX), line
        self.address = line.removeprefix(_PREFIX).strip()

    def _is_alive(self) -> bool:
        if isinstance(self.process, subprocess.Popen):
            return self.process.poll() is None
        return self.process.is_alive()


@contextmanager
def serving(*arguments: str, listen: str = "tcp:127.0.0.1:0", cold: bool = False) -> Iterator[Serve]:
    """``kvmgdb serve ARGUMENTS`` once it listens; ended when the block is left."""
    words = ["serve", "--listen", listen, *arguments]
    with tempfile.TemporaryDirectory(prefix="kvmgdb-serve-") as name:
        folder = Path(name)
        server = Serve(_start_cold(words, folder) if cold else _start(words, folder), folder)
        try:
            server.wait_until_it_listens()
            yield server
        finally:
            server.process.kill()
            server.wait()


def run_serve(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """``kvmgdb serve ARGUMENTS`` to its end, for calls that must not start serving."""
    return subprocess.run(
        [str(KVMGDB), "serve", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=clean_environment(),
        timeout=LIMIT,
        check=False,
    )


def clean_environment() -> dict[str, str]:
    """The environment without ``KVMGDB_*``: what the user of the tests has set must not reach them."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KVMGDB_")}


def _start_cold(words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        return subprocess.Popen(
            [str(KVMGDB), *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=clean_environment(),
            start_new_session=True,  # an interrupt of the tests' own is not for it
        )


def _start(words: list[str], folder: Path) -> ForkServerProcess:
    (folder / "out").touch()
    (folder / "err").touch()
    process = _forking.Process(target=_command, args=(words, folder))
    process.start()
    return process


def _command(words: list[str], folder: Path) -> None:
    """In the forked process: become ``kvmgdb WORDS``."""
    from kvmgdb.cli.main import main

    os.setsid()
    for number, file in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / file, os.O_WRONLY | os.O_APPEND), number)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    for name in set(os.environ) - set(clean_environment()):
        del os.environ[name]
    sys.argv = ["kvmgdb", *words]
    main()
