"""What was expected against what was found.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kvmgdb.config.lab import Expect
from kvmgdb.lab.results import Check

Found = Mapping[str, Any]
"""What gdb's side writes: ``values``, ``registers``, ``memory`` -> expression -> ``found`` or ``problem``,
and ``errors``, a list of ``command`` and ``error``."""
LAST = 200
"""Characters of a text that a check shows where its pattern is not found."""


def checks(expect: Expect, transcript: str, console: str, status: int | None, found: Found) -> list[Check]:
    """Every expectation with its answer, in the order of the lab file's keys."""
    return [
        *patterns("output", expect.output, transcript),
        *patterns("console", expect.console, console),
        *_errors(expect.errors, found.get("errors", ())),
        *_looked_up("value of", expect.values, found.get("values", {})),
        *_looked_up("register", {k: hex(v) for k, v in expect.registers.items()}, found.get("registers", {})),
        *_looked_up("memory at", expect.memory, found.get("memory", {})),
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
            end = _end(text.rstrip())
            yield Check(name, pattern, f"nowhere; it ends with:\n{end}" if end else "nothing", passed=False)


def _end(text: str) -> str:
    """The last lines, as many as fit."""
    end = text[-LAST:]
    return end.partition("\n")[2] or end if len(text) > LAST else end


def _errors(expected: Sequence[str], errors: Iterable[Mapping[str, str]]) -> Iterator[Check]:
    """An error nobody expects is a failure, and so is an expected one that has not come."""
    missing = dict.fromkeys(expected)
    for said in errors:
        fitting = [pattern for pattern in expected if re.search(pattern, said["error"], re.MULTILINE)]
        for pattern in fitting:
            missing.pop(pattern, None)
        wanted = fitting[0] if fitting else "no error"
        yield Check(f"gdb command {said['command']}", wanted, said["error"], passed=bool(fitting))
    for pattern in missing:
        yield Check("error of a gdb command", pattern, "no such error", passed=False)


def _looked_up(
    what: str, expected: Mapping[str, int | float | str], found: Mapping[str, Mapping[str, str]]
) -> Iterator[Check]:
    for text, wanted in expected.items():
        answer = found.get(text, {"problem": "gdb had ended before it was looked at"})
        shown = answer.get("found", answer.get("problem", ""))
        yield Check(f"{what} {text}", str(wanted), shown, passed=_is(wanted, answer.get("found")))


def _is(wanted: float | str, found: str | None) -> bool:
    """Whether gdb's text is that value; text may be without its quotes."""
    if found is None or not isinstance(wanted, float):
        return found in (str(wanted), f'"{wanted}"')
    try:
        return float(found) == wanted
    except ValueError:
        return False


def _exit(expected: int | None, status: int | None) -> Iterator[Check]:
    if expected is not None:
        shown = "it has not ended" if status is None else str(status)
        yield Check("the guest's exit status", str(expected), shown, passed=status == expected)
