"""A pytest plugin for ``-p``: what :mod:`tests.kvmlab.results` reads, written as it happens.

The machine this runs on may be lost at any moment, so each line is complete when it is written.
"""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

import pytest

from tests.kvmlab.results import Outcome
from tests.support import kvm_host

VARIABLE = "KVMGDB_LAB_RESULTS"
"""Names the file or device to write to."""

LONGEST = 4000
"""Characters of a failure's text."""


def _tell(**event: object) -> None:
    with Path(os.environ[VARIABLE]).open("a") as file:
        file.write(json.dumps(event) + "\n")


def pytest_sessionstart() -> None:
    """Say what machine this is."""
    measured = {} if kvm_host.unavailable() else dict(kvm_host.measured())
    _tell(event="host", kernel=platform.release(), measured=measured)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Say how a test ended; a fixture says something only where it fails or skips."""
    if report.when != "call" and report.passed:
        return
    name = report.nodeid.rpartition("tests/kvm/")[2]
    _tell(event="test", name=name, outcome=_outcome(report).value, text=_text(report))


def pytest_sessionfinish(exitstatus: int) -> None:
    """Say that this was all."""
    _tell(event="end", status=int(exitstatus))


def _outcome(report: pytest.TestReport) -> Outcome:
    if report.skipped:
        return Outcome.EXPECTED if hasattr(report, "wasxfail") else Outcome.SKIPPED
    return Outcome.FAILED if report.failed else Outcome.PASSED


def _text(report: pytest.TestReport) -> str:
    if report.passed:
        return ""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return str(getattr(report, "wasxfail", "") or report.longreprtext)[-LONGEST:]
