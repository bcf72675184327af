"""The results of a lab run as JUnit XML, which every CI server reads."""

from __future__ import annotations

import platform
import re
from xml.etree import ElementTree as Xml

from kvmgdb.lab.results import LabResult, Outcome, SessionResult

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, however it is written (section 2.2, "Characters")."""
_SECONDS = len("2026-11-23T07:00:00")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def junit(result: LabResult) -> str:
    """One test suite, a test case for each session; its class is the guest.

    Elements and attributes are those of Jenkins' schema (xunit plugin, junit-10.xsd); the time stamp is UTC
    and says so nowhere, as Ant's schema wants it.
    """
    about = {
        "name": _clean(result.lab),
        "tests": str(len(result.sessions)),
        "failures": str(result.count(Outcome.FAILED)),
        "errors": str(result.count(Outcome.ERROR)),
        "time": f"{result.seconds:.3f}",
    }
    suites = Xml.Element("testsuites", about)
    more = {
        "skipped": "0",
        "timestamp": result.started[:_SECONDS],
        "hostname": platform.node() or "localhost",
    }
    suite = Xml.SubElement(suites, "testsuite", about | more)
    for session in result.sessions:
        _case(suite, session)
    Xml.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(suites, "unicode") + "\n"


def _case(suite: Xml.Element, session: SessionResult) -> None:
    names = {"classname": _clean(session.guest), "name": _clean(session.name)}
    case = Xml.SubElement(suite, "testcase", names, time=f"{session.seconds:.3f}")
    wrong = [check for check in session.checks if not check.passed]
    if session.outcome is Outcome.ERROR:
        Xml.SubElement(case, "error", message=_clean(session.problem), type="error")
    elif wrong:
        lines = [f"{check.what}: expected {check.expected}, found {check.found}" for check in wrong]
        failure = Xml.SubElement(case, "failure", message=_clean(lines[0]), type="expectation")
        failure.text = _clean("\n".join(lines))
    for tag, text in (("system-out", session.transcript), ("system-err", session.console)):
        Xml.SubElement(case, tag).text = _clean(text)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub(_REPLACEMENT, text)
