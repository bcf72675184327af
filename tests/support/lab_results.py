"""Results of a lab, made up: one session of each outcome."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kvmgdb.lab.results import Check, LabResult, Outcome, SessionResult, StopSeen

_PASSED = SessionResult(
    name="first",
    guest="bank",
    arch="x86:64",
    backend="emulator",
    task="Look <here>.",
    outcome=Outcome.PASSED,
    seconds=1.25,
    checks=(Check("output, pattern 1", "a.c", "abc", passed=True),),
    stops=(
        StopSeen(0.5, "breakpoint", 0x1000, "to the debugger", "breakpoint at 0x1000"),
        StopSeen(0.7, "exception", 0x2000, "to the guest", "#DB debug exception at 0x2000"),
        StopSeen(0.9, "exit", 0x3000, "to the debugger", "the guest ended with status 0"),
    ),
    stops_left_out=7,
    transcript="(gdb) print 1 < 2\n$1 = 1 & more\n",
    console="hello <b>world</b>\n",
)
_FAILED = replace(
    _PASSED,
    name="second",
    outcome=Outcome.FAILED,
    checks=(Check("value of x", "<1>", "2 & 3", passed=False),),
    where="tcp://127.0.0.1:5000",
)
_ERROR = replace(
    _PASSED, name="third", outcome=Outcome.ERROR, problem="the time is up", checks=(), stops=(), transcript=""
)
RESULT = LabResult("a <lab>", "2026-11-23T07:00:00+00:00", 4.5, "0.1.0", (_PASSED, _FAILED, _ERROR))


def session(result: LabResult, outcome: Outcome, **fields: Any) -> LabResult:
    """A result of one session: the first of ``result`` with other fields."""
    return replace(result, sessions=(replace(result.sessions[0], outcome=outcome, **fields),))
