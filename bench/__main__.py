"""``python -m bench``: measure, print tables, perhaps write JSON."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from rich.console import Console

from bench import report, rounds, startup
from bench.guests import GUESTS
from bench.table import WORKS
from bench.works import FULL, SHORT, Scale

TIME_LIMIT = 1800
"""Seconds after which the whole run is given up, servers and all."""

START_ROUNDS = {True: 2, False: 7}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure kvmgdb, QEMU's stub and gdbserver (where installed) on the same guest work.",
    )
    parser.add_argument("--short", action="store_true", help="less of everything: under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there too")
    parser.add_argument("--arch", choices=sorted(GUESTS), action="append", help="only this one; repeatable")
    names = [work.name for work in WORKS]
    parser.add_argument("--work", choices=names, action="append", help="only this one; repeatable")
    parser.add_argument("--server", default="", metavar="TEXT", help="only servers whose name contains this")
    parser.add_argument(
        "--asleep", action="store_true", help="the client sleeps while it waits for a reply, as gdb does"
    )
    return parser.parse_args()


def _give_up(_number: int, _frame: object) -> None:
    raise SystemExit("the bench was ended, or took too long")


def _run(given: argparse.Namespace, scale: Scale, console: Console) -> list[rounds.Result]:
    works = [work for work in WORKS if not given.work or work.name in given.work]
    results = []
    for arch in given.arch or GUESTS:
        result = rounds.measure(arch, works, scale, given.server, awake=not given.asleep)
        console.print(report.scoreboard(result))
        for line in report.failures(result):
            console.print(line, style="red", markup=False)
        results.append(result)
    return results


def main() -> int:
    """Run the bench; 1 where a figure of kvmgdb's could not be measured."""
    given = _arguments()
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _give_up)
    signal.alarm(TIME_LIMIT)
    scale = SHORT if given.short else FULL
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(f"{scale.rounds} rounds of {scale.seconds} s; the many breakpoints are {scale.many:,}")
    console.print(f"the client {'sleeps' if given.asleep else 'stays awake'} while it waits for a reply")
    results = _run(given, scale, console)
    start: dict[str, list[float]] = {}
    if not (given.work or given.arch or given.server):
        start = startup.measure(START_ROUNDS[given.short])
        console.print(report.start_up(start))
    if given.json:
        document = report.document(scale, results, start, awake=not given.asleep)
        given.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return 1 if any(result.failed for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
