"""Rounds: every work on every server in turn, so that a machine that drifts drifts for all of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.client import ProtocolError
from bench.guests import GUESTS, Guest
from bench.servers import LAUNCHERS, Files, Launcher, Role, Running, UnavailableError
from bench.table import Work
from bench.works import Scale, Session

Samples = dict[str, dict[str, list[float]]]
"""Row key -> server name -> one figure per round."""


@dataclass(slots=True)
class Result:
    """All that was measured on one architecture."""

    arch: str
    servers: list[Launcher] = field(default_factory=list)
    samples: Samples = field(default_factory=dict)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    """(work, server) -> what went wrong; such a server has no more rounds of that work."""
    missing: dict[str, str] = field(default_factory=dict)
    """Server -> what is not installed."""

    @property
    def failed(self) -> bool:
        """Whether one of kvmgdb's own works failed.  What a peer gets wrong is told, and no more."""
        ours = {launcher.name for launcher in self.servers if launcher.role is Role.KVMGDB}
        return any(server in ours for _, server in self.failures)

    def add(self, server: str, figures: dict[str, float]) -> None:
        """Take in one work's figures."""
        for key, value in figures.items():
            self.samples.setdefault(key, {}).setdefault(server, []).append(value)


class Fleet:
    """The servers of one architecture, started when first needed and again after a failure."""

    def __init__(self, guest: Guest, files: Files, *, awake: bool) -> None:
        self._guest = guest
        self._files = files
        self._awake = awake
        self._running: dict[str, Running] = {}

    def session(self, launcher: Launcher) -> Session:
        """A session with a server that runs."""
        running = self._running.get(launcher.name)
        if running is None:
            running = self._running[launcher.name] = launcher.start(
                self._guest, self._files, awake=self._awake
            )
        return Session(running.client, self._guest, launcher.role is not Role.FLOOR)

    def last_words(self, launcher: Launcher) -> str:
        """What a server that failed has to say."""
        running = self._running.get(launcher.name)
        return running.last_words() if running is not None else "the server did not come up again"

    def drop(self, launcher: Launcher) -> None:
        """End one server."""
        running = self._running.pop(launcher.name, None)
        if running is not None:
            running.close()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        for running in self._running.values():
            running.close()


def measure(arch: str, works: Sequence[Work], scale: Scale, only: str = "", *, awake: bool = True) -> Result:
    """Every round of every work on every server of an architecture whose name contains ``only``.

    ``awake``: whether the client looks for replies before it sleeps (:mod:`bench.client`).
    """
    result = Result(arch)
    launchers = [launcher for launcher in LAUNCHERS if launcher.arch == arch and only in launcher.name]
    with (
        TemporaryDirectory(prefix="kvmgdb-bench-") as directory,
        Fleet(GUESTS[arch](), Files(Path(directory)), awake=awake) as fleet,
    ):
        result.servers = [found for found in launchers if _comes_up(fleet, found, result)]
        for number in range(scale.rounds):
            for work in works:
                if number == 0 or not work.once:
                    _say(f"{arch}: round {number + 1} of {scale.rounds}, {work.name}")
                    _one_work(fleet, work, scale, result)
    _say("")
    return result


def _comes_up(fleet: Fleet, launcher: Launcher, result: Result) -> bool:
    try:
        fleet.session(launcher)
    except (UnavailableError, ProtocolError, OSError) as problem:
        result.missing[launcher.name] = str(problem)
        return False
    return True


def _one_work(fleet: Fleet, work: Work, scale: Scale, result: Result) -> None:
    for launcher in result.servers:
        if (work.name, launcher.name) in result.failures:
            continue
        try:
            result.add(launcher.name, work.run(fleet.session(launcher), scale))
        except (ProtocolError, OSError) as problem:  # a reply that never came is a TimeoutError
            result.failures[work.name, launcher.name] = f"{problem}; {fleet.last_words(launcher)}"
            fleet.drop(launcher)
        if work.last:
            fleet.drop(launcher)


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
