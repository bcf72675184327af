"""The processes of a lab: each on its leash, in a group of its own, ended with its deadline."""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

from kvmgdb.errors import KvmgdbError
from kvmgdb.lab.leash import KVMGDB, leashed

START_SECONDS = 30.0
"""How long a guest may take until it listens."""
_LISTENING, _HINT = "listening on ", "attach with: "


class TimeIsUpError(KvmgdbError):
    """A deadline has passed."""


class _Live:
    """The processes that run now, so that a lab that is interrupted can end them at once."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._lock = threading.Lock()
        self._over = False

    def start(self, words: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._over:
                raise KvmgdbError("the lab was interrupted")
            process = subprocess.Popen(words, start_new_session=True, **options)  # noqa: S603 - the lab's own
            self._groups.add(process.pid)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            _kill(process.pid)
            process.wait()
            self._groups.discard(process.pid)

    def end_all(self) -> None:
        with self._lock:
            self._over = True
            for group in self._groups:
                _kill(group)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


_live = _Live()


def interrupt() -> None:
    """End every process of the lab, and let none begin: the lab is over."""
    _live.end_all()


def clean_environment() -> dict[str, str]:
    """The environment without ``KVMGDB_*``: those variables have been looked at already."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KVMGDB_")}


@contextmanager
def running(
    words: Sequence[str], folder: Path, output: int, errors: int, more: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in ``folder``, killed with all it has started when the block is left."""
    process = _live.start(
        leashed(words),
        cwd=folder,
        env={**clean_environment(), **(more or {})},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
    )
    try:
        yield process
    finally:
        _live.end(process)
        if process.stdout is not None:
            process.stdout.close()


def wait(process: subprocess.Popen[bytes], deadline: float, what: str) -> int:
    """The exit status, once it has ended.

    Raises:
        TimeIsUpError: it has not at ``deadline``.
    """
    try:
        return process.wait(max(0.0, deadline - monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeIsUpError(f"the time is up, and {what} has not ended") from None


class Served:
    """A guest that is being served."""

    def __init__(self, process: subprocess.Popen[bytes], console: Path, trace: Path) -> None:
        self.process = process
        self.console = console
        """Standard error: what the guest prints, and what the server says."""
        self.trace = trace
        self._said = b""
        assert process.stdout is not None  # noqa: S101 - it was started so
        self._output = process.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._output, select.POLLIN)

    @property
    def address(self) -> str:
        """Where it listens, as announced; empty as long as it does not."""
        line = self._said.decode("utf-8", "replace")
        return line.removeprefix(_LISTENING).strip() if line.endswith("\n") else ""

    def listens(self, seconds: float) -> bool:
        """Whether it does after so many seconds at the most.

        Raises:
            KvmgdbError: it has ended instead; the text is its own.
        """
        deadline = monotonic() + seconds
        while not self.address:
            if not self._poll.poll(1000 * max(0.0, deadline - monotonic())):
                return False
            part = os.read(self._output, 4096)
            if not part:
                self.process.wait()
                raise KvmgdbError(self._last_words())
            self._said += part
        return True

    def _last_words(self) -> str:
        lines = self.printed().strip().splitlines()
        return lines[-1].removeprefix("kvmgdb: ") if lines else "the guest's process ended without a word"

    @property
    def words(self) -> list[str]:
        """What gdb is given to attach."""
        for line in self.console.read_text("utf-8", "replace").splitlines():
            if line.startswith(_HINT):
                return shlex.split(line.removeprefix(_HINT))[1:]
        return ["-ex", f"target remote {self.address.removeprefix('tcp:').removeprefix('unix:')}"]

    def printed(self) -> str:
        """What the guest has printed, and the server said."""
        lines = self.console.read_text("utf-8", "replace").splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith(_HINT))


@contextmanager
def launched(
    config: Path, at: Path, folder: Path, trace: Path | None = None, options: Sequence[str] = ()
) -> Iterator[Served]:
    """``kvmgdb OPTIONS serve --config CONFIG`` run ``at`` a place; it may not listen yet.

    What it prints goes to ``folder``; so does its trace, unless the configuration says where (``trace``).
    """
    console = folder / "console"
    words = [KVMGDB, *options, "serve", "--config", str(config)]
    if trace is None:
        trace = folder / "trace.jsonl"
        words += ["--trace", str(trace)]
    with console.open("wb") as errors, running(words, at, subprocess.PIPE, errors.fileno()) as process:
        yield Served(process, console, trace)


@contextmanager
def serving(config: Path, folder: Path) -> Iterator[Served]:
    """The same in ``folder``, once it listens.

    Raises:
        KvmgdbError: it does not come up; the text is its own, or says that it took too long.
    """
    with launched(config, folder, folder) as served:
        if not served.listens(START_SECONDS):
            raise TimeIsUpError(f"the guest was not served after {START_SECONDS:g} seconds")
        yield served
