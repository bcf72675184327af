"""``kvmgdb lab up``: all guests of a lab served at once, and a table of how they are."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from rich.table import Table
from rich.text import Text

from kvmgdb.config.lab import Lab
from kvmgdb.config.listen import parse_listen
from kvmgdb.config.resolved import ServeConfig
from kvmgdb.config.written import absolute, document
from kvmgdb.errors import KvmgdbError
from kvmgdb.lab.processes import launched, scratch
from kvmgdb.lab.tail import Tail

PERIOD = 0.25
"""Seconds between two looks at the guests."""
REST = 1.0
"""Seconds until a guest that has ended is started again."""
_CLIENT = re.compile(r"^kvmgdb: debugger (attached|gone): (.*)$")
STYLES = {
    "starting": "dim",
    "waiting": "yellow",
    "attached": "green",
    "running": "cyan",
    "ended": "dim",
    "failed": "bold red",
}
"""State -> how the table shows it."""
COLUMNS = ("name", "arch", "backend", "address", "state", "client", "last stop")


@dataclass(frozen=True, slots=True)
class Status:
    """One guest at one moment: a row of the table."""

    name: str
    arch: str
    backend: str
    address: str
    state: str
    """A key of :data:`STYLES`."""
    client: str = ""
    last_stop: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """The row's texts, in the order of :data:`COLUMNS`."""
        return (self.name, self.arch, self.backend, self.address, self.state, self.client, self.last_stop)


class GuestUp:
    """One guest of the lab: its process, and what that has said so far."""

    def __init__(self, name: str, config: ServeConfig, folder: Path, *, kept: bool) -> None:
        self.status = Status(name, config.arch or "", config.backend, "", "starting")
        self._config = config
        self._folder = folder
        self._kept = kept
        self._process = ExitStack()
        self._ended_at = 0.0
        self.start()

    def start(self) -> None:
        """Start its process; where it did listen before, at that address."""
        if self.status.address:
            self._config = replace(self._config, listen=parse_listen(self.status.address))
        file = self._folder / "guest.yaml"
        file.write_text(json.dumps(document(absolute(self._config))), "utf-8")
        if self._kept:
            _set_aside(self._folder / "console", self._folder / "trace.jsonl")
        own = self._config.trace
        self._served = self._process.enter_context(
            launched(file, Path.cwd(), self._folder, own and own.absolute(), ["-v"])
        )
        self._process.callback(self._served.leave)  # it may have a Unix socket
        self._log = Tail(self._served.console, consume=not self._kept)
        self._trace = Tail(self._served.trace, consume=own is None and not self._kept)
        self.status = replace(self.status, state="starting", client="")

    def stop(self) -> None:
        """Begin to end it; :meth:`close` waits."""
        self._served.process.terminate()

    def close(self) -> None:
        """End it."""
        self._process.close()

    @property
    def lives(self) -> bool:
        """Whether its process runs."""
        return self._served.process.poll() is None

    def look(self) -> None:
        """Bring :attr:`status` up to now."""
        if self.status.state in ("ended", "failed"):
            return
        lives = self.lives  # first: what is read after it is then the last there is
        try:
            if self._served.listens(0):
                self._catch_up()
        except KvmgdbError as problem:
            self.status = replace(self.status, state="failed", client="", last_stop=str(problem))
        if not lives and self.status.state != "failed":
            self._over()

    def _catch_up(self) -> None:
        said = [match for match in map(_CLIENT.match, self._log.lines()) if match]
        client, state = self.status.client, self.status.state
        if state == "starting":
            state = "running" if self._config.run else "waiting"
        if said:
            client, state = _client(*said[-1].groups())
        arch, stop = self.status.arch, self.status.last_stop
        for line in reversed(self._trace.lines()):
            with suppress(ValueError):  # a line that a kill has cut
                record = json.loads(line)
                arch, stop = record["arch"], record.get("why") or record["event"]
                break
        status = replace(self.status, arch=arch, state=state, client=client, last_stop=stop)
        self.status = replace(status, address=self._served.address)

    def _over(self) -> None:
        well = self._served.process.returncode == 0
        why = self.status.last_stop if well else self._served.last_words()
        self.status = replace(self.status, state="ended" if well else "failed", client="", last_stop=why)
        self._ended_at = time.monotonic()

    def again(self) -> None:
        """Start it once more if it has ended, after a moment's rest; one that never came up stays down."""
        over = self.status.state in ("ended", "failed") and self.status.address
        if over and time.monotonic() - self._ended_at >= REST:
            self._process.close()
            self.start()


def _set_aside(*paths: Path) -> None:
    """What an earlier life has left keeps a number: ``console.1``."""
    for path in filter(Path.exists, paths):
        others = (path.with_name(f"{path.name}.{number}") for number in count(1))
        path.rename(next(other for other in others if not other.exists()))


def _client(what: str, who: str) -> tuple[str, str]:
    """Who is attached and what that makes of the guest, by the server's own words."""
    if what == "attached":
        return who, "attached"
    return "", "running" if who == "detach" else "waiting"


@contextmanager
def up(lab: Lab, logs: Path | None = None) -> Iterator[list[GuestUp]]:
    """Start every guest; all of them are ended when the block is left.  One that does not start is told of by
    its status.

    With ``logs`` what they print, and their traces, are in a folder for each there, and stay.
    """
    with scratch() as folder, ExitStack() as cleanup:
        guests: list[GuestUp] = []
        for number, (name, loaded) in enumerate(lab.guests.items()):
            own = folder / str(number) if logs is None else logs.absolute() / name
            own.mkdir(parents=True, exist_ok=True)
            guests.append(GuestUp(name, loaded.config, own, kept=logs is not None))
            cleanup.callback(guests[-1].close)
        try:
            yield guests
        finally:
            for guest in guests:  # all at once; that each has ended is waited for afterwards
                guest.stop()


def table(title: str, statuses: list[Status]) -> Table:
    """The live table."""
    shown = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in COLUMNS:
        shown.add_column(column, overflow="fold")
    for status in statuses:
        row = [Text(cell) for cell in status.cells]
        row[COLUMNS.index("state")].stylize(STYLES[status.state])
        shown.add_row(*row)
    return shown


def watch(guests: list[GuestUp], show: Callable[[list[Status]], None], *, restart: bool = False) -> None:
    """Show how the guests are, as often as it changes, until none lives; with ``restart`` for ever."""
    before: list[Status] = []
    while True:
        alive = any(guest.lives for guest in guests)
        for guest in guests:
            guest.look()
        statuses = [guest.status for guest in guests]
        if statuses != before:
            show(statuses)
            before = statuses
        if not (alive or (restart and any(status.address for status in statuses))):
            return
        if restart:
            for guest in guests:
                guest.again()
        time.sleep(PERIOD)
