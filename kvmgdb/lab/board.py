"""``kvmgdb lab up``: all guests of a lab served at once, and a table of how they are."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.table import Table
from rich.text import Text

from kvmgdb.config.lab import Lab
from kvmgdb.config.resolved import ServeConfig
from kvmgdb.config.written import absolute, document
from kvmgdb.errors import KvmgdbError
from kvmgdb.lab.processes import Served, launched

PERIOD = 0.25
"""Seconds between two looks at the guests."""
_CLIENT = re.compile(r"^kvmgdb: debugger (attached|gone): (.*)$", re.MULTILINE)
_TAIL = 8192
"""Bytes of a trace in which its last line is looked for."""
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
    """One guest of the lab."""

    def __init__(self, name: str, config: ServeConfig, served: Served) -> None:
        self.name = name
        self._config = config
        self._served = served
        self._problem = ""

    @property
    def lives(self) -> bool:
        """Whether its process runs."""
        return self._served.process.poll() is None

    def status(self) -> Status:
        """How it is now."""
        served, config = self._served, self._config
        arch, backend = config.arch or "", config.backend
        if not self._listens():
            state = "failed" if self._problem else "starting"
            return Status(self.name, arch, backend, "", state, "", self._problem)
        lives = self.lives  # first: what is read after it is then the last there is
        last = _last_record(served.trace)
        client, state = _client(served.console.read_text("utf-8", "replace"), runs=config.run)
        if not lives:
            client, state = "", "ended" if served.process.returncode == 0 else "failed"
        stop = f"{last['event']}: {last.get('why', '')}" if last else ""
        return Status(self.name, str(last.get("arch", arch)), backend, served.address, state, client, stop)

    def _listens(self) -> bool:
        try:
            return self._served.listens(0)
        except KvmgdbError as problem:
            self._problem = str(problem)
            return False


def _client(log: str, *, runs: bool) -> tuple[str, str]:
    """Who is attached and what that makes of the guest, by the server's own words."""
    said = _CLIENT.findall(log)
    if not said:
        return "", "running" if runs else "waiting"
    what, who = said[-1]
    if what == "attached":
        return who, "attached"
    return "", "running" if who == "detach" else "waiting"


def _last_record(trace: Path) -> Mapping[str, str]:
    if not trace.exists():
        return {}
    with trace.open("rb") as file:
        file.seek(max(0, trace.stat().st_size - _TAIL))
        lines = file.read().splitlines()
    for line in reversed(lines):
        try:
            record: dict[str, str] = json.loads(line)
        except ValueError:  # half a line: it is being written
            continue
        return record
    return {}


@contextmanager
def up(lab: Lab) -> Iterator[list[GuestUp]]:
    """Start every guest; all of them are ended when the block is left.  One that does not start is told of by
    its status.
    """
    with TemporaryDirectory(prefix="kvmgdb-lab-") as name, ExitStack() as cleanup:
        guests = []
        for number, (guest, loaded) in enumerate(lab.guests.items()):
            folder = Path(name, str(number))
            folder.mkdir()
            guests.append(_start(guest, loaded.config, folder, cleanup))
        yield guests


def _start(name: str, config: ServeConfig, folder: Path, cleanup: ExitStack) -> GuestUp:
    file = folder / "guest.yaml"
    file.write_text(json.dumps(document(absolute(config))), "utf-8")
    served = cleanup.enter_context(launched(file, Path.cwd(), folder, config.trace, ["-v"]))
    return GuestUp(name, config, served)


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


def watch(guests: list[GuestUp], show: Callable[[list[Status]], None]) -> None:
    """Show how the guests are, as often as it changes, until none lives."""
    before: list[Status] = []
    while True:
        alive = any(guest.lives for guest in guests)
        statuses = [guest.status() for guest in guests]
        if statuses != before:
            show(statuses)
            before = statuses
        if not alive:
            return
        time.sleep(PERIOD)
