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
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from kvmgdb.errors import KvmgdbError
from kvmgdb.lab.janitor import Janitor
from kvmgdb.lab.leash import KVMGDB, leashed

START_SECONDS = 30.0
"""How long a guest may take until it listens."""
GOODBYE_SECONDS = 2.0
"""How long a server that is told to end may take to close its socket."""
_LAST = 4096
"""Bytes of what a process has said in which its last line is looked for."""
_LISTENING, _HINT = "listening on ", "attach with: "


class TimeIsUpError(KvmgdbError):
    """A deadline has passed."""


class _Live:
    """The processes and folders there are now, so that a lab that is interrupted, or killed, leaves none."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._lock = threading.Lock()
        self._over = False
        self._janitor: Janitor | None = None

    @property
    def _hired(self) -> Janitor:
        """The janitor; the lock is held."""
        if self._janitor is None:
            self._janitor = Janitor()
        return self._janitor

    def start(self, words: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._over:
                raise KvmgdbError("the lab was interrupted")
            process = subprocess.Popen(words, start_new_session=True, **options)  # noqa: S603 - the lab's own
            self._groups.add(process.pid)
            self._hired.group(process.pid, lives=True)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            _kill(process.pid)
            process.wait()
            self._groups.discard(process.pid)
            self._hired.group(process.pid, lives=False)

    def end_all(self) -> None:
        with self._lock:
            self._over = True
            for group in self._groups:
                _kill(group)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        with TemporaryDirectory(prefix="kvmgdb-lab-", ignore_cleanup_errors=True) as name:
            with self._lock:
                self._hired.folder(name, exists=True)
            yield Path(name)
        with self._lock:
            self._hired.folder(name, exists=False)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


_live = _Live()


def interrupt() -> None:
    """End every process of the lab, and let none begin: the lab is over."""
    _live.end_all()


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone when the block is left, or the lab is."""
    with _live.folder() as folder:
        yield folder


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


def died_of(process: subprocess.Popen[bytes]) -> str:
    """The signal that has ended it, such as ``SIGKILL``; empty if none has."""
    status = process.poll()
    if status is None or status >= 0:
        return ""
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


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
                raise KvmgdbError(self.last_words())
            self._said += part
        return True

    def last_words(self) -> str:
        """Why its process has ended: by a signal, or what it said last."""
        by = died_of(self.process)
        if by:
            return f"the guest's process was ended by {by}"
        with self.console.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1].removeprefix("kvmgdb: ") if lines else "the guest's process ended without a word"

    def leave(self) -> None:
        """Tell it to close its socket and to end, and wait for that a while."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GOODBYE_SECONDS)

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
