"""What is measured: the rows of the scoreboard."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Better(Enum):
    """Which way a figure should go."""

    MORE = "more"
    LESS = "less"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the scoreboard."""

    key: str
    title: str
    unit: str
    better: Better = Better.MORE
    target: float | None = None
    """What kvmgdb is to reach on the emulator, in the row's unit."""
    kvm_target: float | None = None
    """The same on a host's KVM."""
    times_qemu: float | None = None
    """Or how many times better than QEMU's stub it is to be."""


ROWS = (
    Row("step", "raw steps (vCont;s)", "/s", target=15_000, kvm_target=10_000),
    Row("read8", "8-byte m", "/s", target=25_000),
    Row("bulk_m", "bulk m, random data", "MB/s", target=150),
    Row("bulk_x", "bulk x, random data", "MB/s", target=500),
    Row("bulk_X", "bulk X, random data", "MB/s", target=500),
    Row("cycle", "gdb's breakpoint cycle (s, Z0, c, z0)", "/s", target=5_000),
    Row("condition", "conditions evaluated in the stub", "/s", target=100_000),
    Row("watch", "watch hits", "/s", target=8_000),
    Row("watch_condition", "watch hits with a condition that is false", "/s", target=50_000),
    Row("loop", "loop, no breakpoint", "M turns/s"),
    Row("loop_1", "loop, 1 breakpoint elsewhere in its page", "% of free", target=90),
    Row("loop_1k", "loop, 1,000 breakpoints in its page", "% of free"),
    Row("loop_watched", "loop, a watchpoint just taken out", "% of free"),
    Row("insert", "inserting the many breakpoints", "s", Better.LESS, target=4),
    Row("loop_many", "loop, many breakpoints", "% of free", target=80),
    Row("cycle_many", "breakpoint cycles, many set, against 10", "%", target=90),
    Row("interrupt", "Ctrl-C to stop reply, median", "ms", Better.LESS, target=0.3, kvm_target=0.3),
    Row("gdb_next", "gdb: next over a line of 1,000 turns", "ms", Better.LESS, times_qemu=100),
    Row("gdb_dump", "gdb: dump memory", "MB/s", times_qemu=5),
    Row("gdb_find", "gdb: find", "MB/s", times_qemu=5),
)
