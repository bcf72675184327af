"""What a lab run found: values that a report is made of, and their JSON.

The JSON has ``schema`` 1 and is what ``kvmgdb lab run --json`` writes and ``kvmgdb lab report`` reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from kvmgdb.errors import UsageError

SCHEMA = 1
"""The version of the JSON; it grows when a field changes its meaning."""


class Outcome(Enum):
    """How a session ended."""

    PASSED = "passed"
    FAILED = "failed"
    """Something that was expected is not so."""
    ERROR = "error"
    """The session could not be held: the guest did not start, gdb is missing, the time was up."""


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation and what was found."""

    what: str
    """Such as ``value of account.balance`` or ``output, pattern 2``."""
    expected: str
    found: str
    passed: bool


@dataclass(frozen=True, slots=True)
class StopSeen:
    """One line of the guest's trace."""

    seconds: float
    """Since the guest was started."""
    event: str
    """``breakpoint``, ``watchpoint``, ``exception``, ``exit`` ..."""
    pc: int
    verdict: str
    """``to the debugger`` or ``to the guest``."""
    why: str


@dataclass(frozen=True, slots=True)
class SessionResult:
    """One session."""

    name: str
    guest: str
    """The name of the guest in the lab file."""
    arch: str
    backend: str
    task: str
    """What it is about, in the words of the lab file; may be empty."""
    outcome: Outcome
    seconds: float
    problem: str = ""
    """Why it is an error; empty otherwise."""
    checks: tuple[Check, ...] = ()
    stops: tuple[StopSeen, ...] = ()
    stops_left_out: int = 0
    """Stops between the first and the last ones shown, single steps among them."""
    transcript: str = ""
    """What was said to gdb and what it answered, or what the Python script printed."""
    console: str = ""
    """What the guest printed."""
    where: str = ""
    """The worker that ran it; empty: this machine."""


@dataclass(frozen=True, slots=True)
class LabResult:
    """One run of a lab."""

    lab: str
    """The lab's file name."""
    started: str
    """Date and time in UTC, ISO 8601."""
    seconds: float
    kvmgdb: str
    """The version that ran it."""
    sessions: tuple[SessionResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every session passed."""
        return all(session.outcome is Outcome.PASSED for session in self.sessions)

    def count(self, outcome: Outcome) -> int:
        """How many sessions ended so."""
        return sum(session.outcome is outcome for session in self.sessions)

    @property
    def told(self) -> str:
        """How many ended how, in words."""
        counts = [(self.count(outcome), outcome.value) for outcome in Outcome]
        words = [
            f"{count} {word}{'s' if word == Outcome.ERROR.value and count > 1 else ''}"
            for count, word in counts
            if count
        ]
        return ", ".join(words) or "no sessions"

    def to_json(self) -> str:
        """The document, indented."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1, default=lambda value: value.value)


def from_json(text: str, name: str) -> LabResult:
    """The result that :meth:`LabResult.to_json` wrote; ``name`` is the file's, for the error.

    Raises:
        UsageError: it is something else.
    """
    try:
        document = json.loads(text)
        if document["schema"] != SCHEMA:
            raise UsageError(
                f"{name}: this kvmgdb reads results of schema {SCHEMA}, not {document['schema']}"
            )
        del document["schema"]
        sessions = tuple(map(_session, document.pop("sessions")))
        return LabResult(sessions=sessions, **document)
    except (ValueError, KeyError, TypeError) as problem:
        raise UsageError(f"{name}: no result of a lab run (kvmgdb lab run --json): {problem!r}") from None


def _session(data: Mapping[str, Any]) -> SessionResult:
    parts = {
        "outcome": Outcome(data["outcome"]),
        "checks": tuple(Check(**check) for check in data["checks"]),
        "stops": tuple(StopSeen(**stop) for stop in data["stops"]),
    }
    return SessionResult(**{**data, **parts})
