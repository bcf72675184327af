"""What was expected against what was found.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from kvmgdb.config.lab import Expect
from kvmgdb.lab.results import Check

Found = Mapping[str, Mapping[str, Mapping[str, str]]]
"""``values``, ``registers``, ``memory`` -> expression -> ``found`` or ``problem``: what gdb's side writes."""
LAST = 200
"""Characters of a text that a check shows where its pattern is not found."""


def checks(expect: Expect, transcript: str, console: str, status: int | None, found: Found) -> list[Check]:
    """Every expectation with its answer, in the order of the lab file's keys."""
    return [
        *patterns("output", expect.output, transcript),
        *patterns("console", expect.console, console),
        *_looked_up("value of", "values", {k: str(v) for k, v in expect.values.items()}, found),
        *_looked_up("register", "registers", {k: hex(v) for k, v in expect.registers.items()}, found),
        *_looked_up("memory at", "memory", expect.memory, found),
        *_exit(expect.exit, status),
    ]


def patterns(what: str, expected: Iterable[str], text: str) -> Iterator[Check]:
    """Each pattern is looked for behind the one before it; ``^`` and ``$`` are the ends of a line."""
    place = 0
    for number, pattern in enumerate(expected, 1):
        match = re.compile(pattern, re.MULTILINE).search(text, place)
        name = f"{what}, pattern {number}"
        if match is not None:
            place = match.end()
            yield Check(name, pattern, match[0], passed=True)
        elif re.search(pattern, text, re.MULTILINE):
            yield Check(name, pattern, "only before the pattern above it", passed=False)
        else:
            end = text.rstrip()[-LAST:]
            yield Check(name, pattern, f"nowhere; it ends with: {end}" if end else "nothing", passed=False)


def _looked_up(what: str, kind: str, expected: Mapping[str, str], found: Found) -> Iterator[Check]:
    for text, wanted in expected.items():
        answer = found.get(kind, {}).get(text, {"problem": "gdb had ended before it was looked at"})
        shown = answer.get("found", answer.get("problem", ""))
        yield Check(f"{what} {text}", wanted, shown, passed=answer.get("found") == wanted)


def _exit(expected: int | None, status: int | None) -> Iterator[Check]:
    if expected is not None:
        shown = "it has not ended" if status is None else str(status)
        yield Check("the guest's exit status", str(expected), shown, passed=status == expected)
