"""``python -m bench.profile WORK``: where kvmgdb's microseconds go in one work.

The work is done twice: plain, for what a packet costs in wall-clock time and of the server's processor
time; then under cProfile, for the functions.  cProfile slows small functions down more than large ones, so
its figures rank; the plain ones count.
"""

from __future__ import annotations

import argparse
import io
import os
import pstats
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from bench.client import frame
from bench.guests import GUESTS, Guest
from bench.servers import LAUNCHERS, Command, Files, Launcher, Role, Running
from bench.table import WORKS, Work
from bench.works import FULL, Session

SCALE = replace(FULL, seconds=2.0)
END_SECONDS = 20


def _count_packets(running: Running) -> list[int]:
    """Make a client count what it receives."""
    client, count = running.client, [0]
    receive = client.receive

    def counted() -> bytes:
        count[0] += 1
        return receive()

    setattr(client, "receive", counted)  # noqa: B010  (an instance's own method: mypy forbids the plain form)
    return count


def _processor_seconds(pid: int) -> float:
    """User and system time of a process, from ``/proc/PID/stat`` (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def plain(launcher: Launcher, work: Work, guest: Guest, files: Files) -> str:
    """One line: packets, wall-clock and server microseconds per packet."""
    running = launcher.start(guest, files)
    try:
        count = _count_packets(running)
        busy, start = _processor_seconds(running.process.pid), perf_counter()
        work.run(Session(running.client, guest, real=True), SCALE)
        wall, busy = perf_counter() - start, _processor_seconds(running.process.pid) - busy
    finally:
        running.close()
    packets = count[0]
    return (
        f"{launcher.name}, {work.name}: {packets} packets, {wall / packets * 1e6:.1f} us each, "
        f"{busy / packets * 1e6:.1f} us of it the server's processor time"
    )


def _under_profiler(command: Command, output: Path) -> Command:
    def profiled(guest: Guest, files: Files, port: int) -> list[str]:
        return [sys.executable, "-m", "cProfile", "-o", str(output), *command(guest, files, port), "--once"]

    return profiled


def functions(launcher: Launcher, work: Work, guest: Guest, files: Files, lines: int) -> str:
    """The functions by their own time, as pstats prints them."""
    output = files.directory / "profile"
    running = replace(launcher, command=_under_profiler(launcher.command, output)).start(guest, files)
    try:
        work.run(Session(running.client, guest, real=True), SCALE)
        running.client.send(frame(b"k"))
        running.process.wait(END_SECONDS)
    finally:
        running.close()
    text = io.StringIO()
    pstats.Stats(str(output), stream=text).strip_dirs().sort_stats("tottime").print_stats(lines)
    return text.getvalue()


def main() -> int:
    """Profile one work on one kvmgdb."""
    ours = {launcher.name: launcher for launcher in LAUNCHERS if launcher.role is Role.KVMGDB}
    works = {work.name: work for work in WORKS}
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=main.__doc__)
    parser.add_argument("work", choices=list(works))
    parser.add_argument("--server", choices=list(ours), default=next(iter(ours)))
    parser.add_argument("--lines", type=int, default=25, help="functions to show")
    given = parser.parse_args()
    launcher, work = ours[given.server], works[given.work]
    guest = GUESTS[launcher.arch]()
    with TemporaryDirectory(prefix="kvmgdb-bench-") as directory:
        files = Files(Path(directory))
        print(plain(launcher, work, guest, files))
        print(functions(launcher, work, guest, files, given.lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
