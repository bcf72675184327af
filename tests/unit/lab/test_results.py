"""Results and their JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.errors import UsageError
from kvmgdb.lab.results import LabResult, Outcome, SessionResult, StopSeen, from_json
from tests.support.lab_results import RESULT, session

SECONDS = st.floats(0, 1e6)
STOPS = st.lists(st.builds(StopSeen, seconds=SECONDS), max_size=3).map(tuple)
SESSIONS = st.lists(st.builds(SessionResult, seconds=SECONDS, stops=STOPS), max_size=3).map(tuple)


@given(st.builds(LabResult, seconds=SECONDS, sessions=SESSIONS))
def test_what_is_written_is_read(result: LabResult) -> None:
    assert from_json(result.to_json(), "r.json") == result


def test_a_lab_has_passed_when_every_session_has() -> None:
    assert not RESULT.passed
    assert session(RESULT, Outcome.PASSED).passed
    assert [RESULT.count(outcome) for outcome in Outcome] == [1, 1, 1]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema": 1}', '{"schema": 1, "sessions": [{}]}', "\x00", '{"schema": 1, "x": 2}'],
)
def test_what_is_no_result(text: str) -> None:
    with pytest.raises(UsageError, match=r"^r\.json: no result of a lab run"):
        from_json(text, "r.json")


def test_the_result_of_another_version() -> None:
    text = json.dumps({**json.loads(RESULT.to_json()), "schema": 9})

    with pytest.raises(UsageError, match=r"^r\.json: this kvmgdb reads results of schema 1, not 9$"):
        from_json(text, "r.json")
