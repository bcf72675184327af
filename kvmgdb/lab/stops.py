"""A guest's trace, read for a report: its first stops and its last, what it was and how it ended."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from kvmgdb.lab.results import StopSeen

STOPS_SHOWN = 200
"""Most stops of a session that a result holds, the first half and the last: a script may step for hours."""


@dataclass(frozen=True, slots=True)
class Traced:
    """What a trace tells."""

    stops: tuple[StopSeen, ...] = ()
    left_out: int = 0
    """How many more there were, between the first half and the last."""
    arch: str = ""
    """Empty: there was no stop."""
    status: int | None = None
    """What the guest ended with."""


NOTHING = Traced()


def traced(path: Path) -> Traced:
    """Read a trace line by line; where there is none, nothing was traced."""
    half = STOPS_SHOWN // 2
    first: list[StopSeen] = []
    last: deque[StopSeen] = deque(maxlen=half)
    count, arch, status = 0, "", None
    if not path.exists():
        return NOTHING
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:  # the last line of a server that was killed
                continue
            count += 1
            arch, status = record["arch"], record.get("status", status)
            (first if len(first) < half else last).append(
                StopSeen(
                    record["time"],
                    record["event"],
                    int(record.get("pc", "0"), 16),
                    record.get("verdict", ""),
                    record.get("why", ""),
                )
            )
    return Traced((*first, *last), count - len(first) - len(last), arch, status)
