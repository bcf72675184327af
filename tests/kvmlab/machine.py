"""What all test machines share: files to boot, a run with an end, and what it has said."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kvmgdb.lab.leash import leashed
from tests.kvmlab.results import Results, parse

KERNEL_ARGUMENTS = "console=ttyS0 panic=-1 nokaslr mitigations=off tsc=reliable init_on_alloc=0"
_POLL = 0.2


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be run on a machine, and the folder for everything that comes of it."""

    folder: Path
    gdb: bool
    """Whether tests that drive a gdb are among them."""
    options: tuple[str, ...] = ()
    """More for pytest: ``-k int3``."""
    patience: float = 1
    """A factor for the tests' limits of time."""

    @property
    def console(self) -> Path:
        """What the machine's first serial port says."""
        return self.folder / "console.txt"

    @property
    def results(self) -> Path:
        """What its second serial port says: lines for :func:`tests.kvmlab.results.parse`."""
        return self.folder / "results.jsonl"

    @property
    def log(self) -> Path:
        """What the emulator itself says."""
        return self.folder / "emulator.txt"


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Command:
    """An emulator, ready to be started."""

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    """Where; None: wherever."""
    on_poll: Callable[[], None] = _nothing
    """Called several times a second while it runs."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One test machine."""

    name: str
    title: str
    whole: bool
    """Whether its KVM lacks nothing: then every trial must work, and no test may be expected to fail."""
    limit: float
    """Seconds until it is given up."""
    command: Callable[[Job], Command]
    """Makes what it needs in the job's folder."""
    gdb: bool = True
    """Whether tests that drive a gdb are run in it."""
    options: tuple[str, ...] = ()
    """For pytest, in it."""
    patience: float = 2
    """How much longer tests may take.  What a partial KVM loops in, it loops in until then."""
    note: str = ""
    """What a reader of the table must know."""


def run(machine: Machine, job: Job, on_line: Callable[[str], None] = lambda _: None) -> Results:
    """Run a machine until it has told the end, is over, or is out of time.

    ``on_line`` gets every line of results as it comes.

    Raises:
        LabError: the host lacks something.
    """
    for file in (job.console, job.results):
        file.write_bytes(b"")
    command = machine.command(job)
    with job.log.open("wb") as log:
        process = subprocess.Popen(
            leashed(command.words),  # whoever kills the tests does not leave an emulator behind
            cwd=command.folder,
            env={**os.environ, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            return _follow(process, command, job, time.monotonic() + machine.limit, on_line)
        finally:
            process.kill()
            process.wait()


def _follow(
    process: subprocess.Popen[bytes],
    command: Command,
    job: Job,
    deadline: float,
    on_line: Callable[[str], None],
) -> Results:
    told = 0
    while True:
        over = process.poll() is not None or time.monotonic() > deadline
        command.on_poll()
        lines = job.results.read_text(errors="replace").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        for line in whole[told:]:
            on_line(line)
        told = len(whole)
        results = parse(whole)
        if results.ended or over:
            return results
        time.sleep(_POLL)
