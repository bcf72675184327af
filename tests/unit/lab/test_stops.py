"""A trace, read for a report."""

from __future__ import annotations

import json
from pathlib import Path

from kvmgdb.lab.stops import STOPS_SHOWN, traced


def line(number: int, **more: object) -> str:
    return json.dumps({"time": number, "arch": "x86:64", "event": "step", "pc": hex(number), **more}) + "\n"


def test_no_trace_is_no_stops(tmp_path: Path) -> None:
    assert traced(tmp_path / "none").stops == ()


def test_a_long_trace_keeps_its_ends(tmp_path: Path) -> None:
    file = tmp_path / "t"
    count = 10 * STOPS_SHOWN
    file.write_text("".join(map(line, range(count))), "utf-8")

    found = traced(file)

    half = STOPS_SHOWN // 2
    assert [stop.pc for stop in found.stops] == [*range(half), *range(count - half, count)]
    assert found.left_out == count - STOPS_SHOWN


def test_the_status_is_that_of_the_exit_and_half_a_line_is_none(tmp_path: Path) -> None:
    file = tmp_path / "t"
    file.write_text(line(1) + line(2, event="exit", status=3) + line(3)[:20], "utf-8")

    found = traced(file)

    assert (found.arch, found.status, len(found.stops)) == ("x86:64", 3, 2)
