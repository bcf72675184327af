"""One table of all machines: what each one's KVM does, and how the tests of tests/kvm end there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.kvmlab.machine import Machine
from tests.kvmlab.results import Outcome, Results

ABSENT = "-"
_GAP = "  "
_WORDS = {
    Outcome.PASSED: "",
    Outcome.EXPECTED: " expected",
    Outcome.SKIPPED: " skipped",
    Outcome.FAILED: " FAILED",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One machine's."""

    machine: Machine
    results: Results
    seconds: int
    gdb: bool
    """Whether tests that drive a gdb were run."""


def table(columns: Sequence[Column]) -> str:
    """Features, then tests; a row each, and a number of tests where one has parameters."""
    rows = [
        ["", *(column.machine.title for column in columns)],
        ["seconds", *(str(column.seconds) for column in columns)],
        ["kernel", *(column.results.kernel or ABSENT for column in columns)],
        *_features(columns),
        [],
        *_tests(columns),
    ]
    widths = [max(len(row[n]) for row in rows if row) for n in range(len(columns) + 1)]
    lines = (_GAP.join(cell.ljust(w) for cell, w in zip(row, widths, strict=False)).rstrip() for row in rows)
    return "\n".join(lines)


def _features(columns: Sequence[Column]) -> Iterator[list[str]]:
    names = dict.fromkeys(name for column in columns for name in column.results.measured)
    for name in names:
        yield [name, *(column.results.measured.get(name, ABSENT) for column in columns)]


def _tests(columns: Sequence[Column]) -> Iterator[list[str]]:
    functions = dict.fromkeys(test.function for column in columns for test in column.results.tests)
    for function in functions:
        yield [function, *(_summary(column.results, function) for column in columns)]


def _summary(results: Results, function: str) -> str:
    """``12``, ``8, 4 expected``, ``1 FAILED``."""
    counts = Counter(test.outcome for test in results.tests if test.function == function)
    return ", ".join(f"{counts[o]}{_WORDS[o]}" for o in Outcome if counts[o]) or ABSENT


def notes(columns: Sequence[Column]) -> str:
    """Below the table: why tests were expected to fail, or were not run at all."""
    return "".join(f"{column.machine.title}: {text}\n" for column in columns for text in _notes(column))


def _notes(column: Column) -> Iterator[str]:
    if not column.gdb:
        yield column.machine.note or "the tests that drive a gdb were left out"
    expected = [test.text for test in column.results.tests if test.outcome is Outcome.EXPECTED]
    for text, count in Counter(expected).items():
        yield f"{count} expected to fail: {text}"
