"""Every work, in the order it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.conditions import breakpoint_conditions, watch_conditions
from bench.debugger import debugger_works
from bench.works import (
    Figures,
    Scale,
    Session,
    breakpoint_cycles,
    bulk_binary,
    bulk_hex,
    bulk_write,
    interrupts,
    loop_after_watch,
    loop_speed,
    many_breakpoints,
    small_reads,
    steps,
    watch_hits,
)


@dataclass(frozen=True, slots=True)
class Work:
    """One thing to do with each server in turn."""

    name: str
    run: Callable[[Session, Scale], Figures]
    once: bool = False
    """In one round only, because it takes long."""
    last: bool = False
    """The server is thrown away after it, because something of it stays behind."""


WORKS = (
    Work("step", steps),
    Work("read8", small_reads),
    Work("bulk_m", bulk_hex),
    Work("bulk_x", bulk_binary),
    Work("bulk_X", bulk_write),
    Work("cycle", breakpoint_cycles),
    Work("loop", loop_speed),
    Work("interrupt", interrupts),
    Work("loop_watched", loop_after_watch, once=True, last=True),
    Work("condition", breakpoint_conditions),
    Work("watch", watch_hits, last=True),
    Work("watch_condition", watch_conditions, last=True),
    Work("gdb", debugger_works, once=True, last=True),
    Work("many", many_breakpoints, once=True, last=True),
)
