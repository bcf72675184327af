"""JUnit XML: what CI servers read."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.lab.junit import junit
from kvmgdb.lab.results import Outcome
from tests.support.lab_results import RESULT, session


def test_a_case_for_each_session_and_what_they_came_to() -> None:
    suites = Xml.fromstring(junit(RESULT))
    [suite] = suites

    assert (suites.tag, suite.tag) == ("testsuites", "testsuite")
    for element in (suites, suite):
        counts = {key: int(element.attrib[key]) for key in ("tests", "failures", "errors")}
        assert counts == {"tests": 3, "failures": 1, "errors": 1}
    assert [(case.get("classname"), case.get("name")) for case in suite] == [
        (s.guest, s.name) for s in RESULT.sessions
    ]
    assert all(float(case.attrib["time"]) >= 0 for case in suite)


KNOWN = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {
        *("name", "tests", "failures", "errors", "time", "skipped", "timestamp", "hostname", "id", "package"),
    },
    "testcase": {"name", "time", "classname"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "system-out": set(),
    "system-err": set(),
}
"""The attributes of each element that Jenkins' schema and its like know; they refuse any other."""


def test_nothing_is_there_that_a_strict_reader_refuses() -> None:
    suites = Xml.fromstring(junit(RESULT))

    for element in suites.iter():
        assert set(element.attrib) <= KNOWN[element.tag]
    assert suites[0].get("timestamp") == "2026-11-23T07:00:00"


def test_what_is_wrong_is_in_its_case() -> None:
    passed, failed, error = Xml.fromstring(junit(RESULT))[0]

    assert passed.find("failure") is None
    assert passed.find("error") is None
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("message") == "value of x: expected <1>, found 2 & 3"
    problem = error.find("error")
    assert problem is not None
    assert problem.get("message") == "the time is up"


def test_transcript_and_console_are_its_outputs() -> None:
    case = Xml.fromstring(junit(RESULT))[0][0]

    assert case.findtext("system-out") == RESULT.sessions[0].transcript
    assert case.findtext("system-err") == RESULT.sessions[0].console


@pytest.mark.parametrize("outcome", list(Outcome))
@given(text=st.text())
def test_whatever_a_guest_prints_it_is_well_formed(outcome: Outcome, text: str) -> None:
    result = session(RESULT, outcome, name=text, transcript=text, console=text, problem=text)

    [case] = Xml.fromstring(junit(result).encode("utf-8"))[0]

    assert len(case.findtext("system-out") or "") == len(text.replace("\r\n", "\n"))
