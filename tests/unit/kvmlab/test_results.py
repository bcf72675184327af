"""What a machine has said, read; and what of it is wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kvmlab.results import Ending, Outcome, Results, parse, problems

HOST = json.dumps({"event": "host", "kernel": "6.1", "measured": {"single step": "works", "INT3": "lost"}})
END = json.dumps({"event": "end", "status": 0})


def told(name: str, outcome: Outcome, text: str = "") -> str:
    return json.dumps({"event": "test", "name": name, "outcome": outcome.value, "text": text})


def test_lines_become_results() -> None:
    lines = [HOST, told("a.py::test_b[64]", Outcome.EXPECTED, "why"), END]
    assert parse(lines) == Results(
        "6.1",
        {"single step": "works", "INT3": "lost"},
        [Ending("a.py::test_b[64]", Outcome.EXPECTED, "why")],
        0,
    )


@given(st.text())
def test_what_is_no_event_is_passed_over(line: str) -> None:
    assert parse([line, HOST, line, END]) == parse([HOST, END])


@pytest.mark.parametrize("length", range(0, len(HOST), 7))
def test_half_a_line_of_a_lost_machine_is_none(length: int) -> None:
    assert parse([HOST[:length]]) == Results()


def test_a_name_without_parameters() -> None:
    assert Ending("a.py::test_b[64-x]", Outcome.PASSED).function == "a.py::test_b"


def test_a_machine_as_it_should_be() -> None:
    lines = [HOST, told("test_a", Outcome.PASSED), told("test_b", Outcome.EXPECTED, "no INT3"), END]
    assert problems(parse(lines), whole=False) == []


def test_a_whole_machine_lacks_nothing() -> None:
    lines = [HOST, told("test_a", Outcome.PASSED), told("test_b", Outcome.EXPECTED, "no INT3"), END]
    assert problems(parse(lines), whole=True) == ["INT3: lost", "test_b was expected to fail: no INT3"]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([told("test_a", Outcome.FAILED), END], "test_a failed"),
        ([told("test_a", Outcome.SKIPPED, "no /dev/kvm"), END], "test_a was skipped: no /dev/kvm"),
        ([told("test_a", Outcome.PASSED)], "the machine was lost after test_a"),
        ([END], "no test was run"),
    ],
)
def test_what_is_wrong_is_said(lines: list[str], problem: str, whole: bool) -> None:
    assert problems(parse(lines), whole=whole) == [problem]


def test_a_machine_that_says_nothing_is_lost() -> None:
    assert problems(parse([]), whole=False) == [
        "the machine was lost after the first test",
        "no test was run",
    ]
