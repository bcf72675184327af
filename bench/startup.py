"""Start-up: how long the user waits for help, and for a server that listens."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from time import perf_counter

from bench.rows import Better, Row
from bench.servers import LISTENING, START_SECONDS, end, kvmgdb_program, spawn, wait_for_line

ROWS = (
    Row("python", "python -c pass: the floor", "s", Better.LESS),
    Row("help", "kvmgdb --help", "s", Better.LESS, target=0.4),
    Row("serve_x86", "kvmgdb serve --arch x86, until it listens", "s", Better.LESS, target=0.8),
    Row("serve_ppc", "kvmgdb serve --arch ppc, until it listens", "s", Better.LESS, target=0.8),
)


def _to_the_end(*command: str) -> float:
    start = perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=START_SECONDS)
    return perf_counter() - start


def _to_listening(arch: str) -> float:
    start = perf_counter()
    process = spawn([kvmgdb_program(), "serve", "--arch", arch, "--listen", "tcp:127.0.0.1:0"])
    try:
        wait_for_line(process, LISTENING, START_SECONDS)
        return perf_counter() - start
    finally:
        end(process)


MEASURES: dict[str, Callable[[], float]] = {
    "python": lambda: _to_the_end(sys.executable, "-c", "pass"),
    "help": lambda: _to_the_end(kvmgdb_program(), "--help"),
    "serve_x86": lambda: _to_listening("x86"),
    "serve_ppc": lambda: _to_listening("ppc"),
}


def measure(rounds: int) -> dict[str, list[float]]:
    """Row key -> seconds, one per round; the rows take turns."""
    samples: dict[str, list[float]] = {key: [] for key in MEASURES}
    for _ in range(rounds):
        for key, run in MEASURES.items():
            samples[key].append(run())
    return samples
