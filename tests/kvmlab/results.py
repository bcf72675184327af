"""What a machine says of its tests: lines of JSON, one an event, written by :mod:`tests.kvmlab.reporter`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum


class Outcome(Enum):
    """How a test ended."""

    PASSED = "passed"
    EXPECTED = "expected"
    """It failed, as the table of tests/kvm says of a host that lacks what this one has measured to lack."""
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Ending:
    """How one test ended."""

    name: str
    """``test_running.py::test_a_triple_fault_says_so``."""
    outcome: Outcome
    text: str = ""
    """Why it failed, was expected to, or was skipped."""

    @property
    def function(self) -> str:
        """Its name without parameters."""
        return self.name.partition("[")[0]


@dataclass(slots=True)
class Results:
    """Everything one machine has said."""

    kernel: str = ""
    measured: dict[str, str] = field(default_factory=dict)
    tests: list[Ending] = field(default_factory=list)
    status: int | None = None
    """pytest's exit status; None: the machine was lost before the end."""

    @property
    def ended(self) -> bool:
        """Whether the last line has come."""
        return self.status is not None

    def failures(self) -> list[Ending]:
        """The tests that should not have failed."""
        return [test for test in self.tests if test.outcome is Outcome.FAILED]


def parse(lines: Iterable[str]) -> Results:
    """Read them.  What is no event, such as half a line of a machine that was lost, is passed over."""
    results = Results()
    for event in _events(lines):
        match event:
            case {"event": "host", "kernel": str(kernel), "measured": dict(measured)}:
                results.kernel, results.measured = kernel, {str(k): str(v) for k, v in measured.items()}
            case {"event": "test", "name": str(name), "outcome": str(outcome), "text": str(text)}:
                results.tests.append(Ending(name, Outcome(outcome), text))
            case {"event": "end", "status": int(status)}:
                results.status = status
    return results


def _events(lines: Iterable[str]) -> Iterator[object]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue


def problems(results: Results, *, whole: bool) -> list[str]:
    """What is not as it should be, a sentence each.

    A ``whole`` machine lacks nothing: there every trial works, and no test is expected to fail.
    """
    found = [f"{test.name} failed" for test in results.failures()]
    if not results.ended:
        last = results.tests[-1].name if results.tests else "the first test"
        found.append(f"the machine was lost after {last}")
    if not results.tests:
        found.append("no test was run")
    found += [f"{t.name} was skipped: {t.text}" for t in results.tests if t.outcome is Outcome.SKIPPED]
    if whole:
        found += [
            f"{name}: {text}" for name, text in results.measured.items() if not text.startswith("works")
        ]
        found += [
            f"{t.name} was expected to fail: {t.text}" for t in results.tests if t.outcome is Outcome.EXPECTED
        ]
    return found
