"""The report: what is on the page, and how it looks in a real browser."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest

from kvmgdb.lab.html import OPEN_SESSIONS, page
from kvmgdb.lab.results import Outcome
from tests.support.lab_results import RESULT, session
from tests.support.tools import need

PAGE = page(RESULT)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTHS = {"desktop": 1280, "phone": 390}


def test_every_session_is_there_with_all_that_is_known() -> None:
    for s in RESULT.sessions:
        assert f"<h2>{s.name}</h2>" in PAGE
        for text in (s.task, s.problem, s.console, *(stop.why for stop in s.stops)):
            assert escape(text) in PAGE
        for check in s.checks:
            assert escape(check.expected) in PAGE
            assert escape(check.found) in PAGE
    assert "7 more" in PAGE
    assert "tcp://127.0.0.1:5000" in PAGE


def test_of_many_sessions_only_those_that_did_not_pass_are_unfolded() -> None:
    passed, failed = (session(RESULT, outcome).sessions[0] for outcome in (Outcome.PASSED, Outcome.FAILED))
    few = page(replace(RESULT, sessions=(passed, failed)))
    many = page(replace(RESULT, sessions=(passed,) * OPEN_SESSIONS + (failed,)))

    assert few.count("<article><details open>") == 2
    assert many.count("<article><details>") == OPEN_SESSIONS
    assert many.count("<article><details open>") == 1


def test_nothing_that_a_guest_prints_becomes_a_part_of_the_page() -> None:
    hostile = "<script>alert(1)</script>\"'&"
    text = page(
        session(RESULT, Outcome.ERROR, name=hostile, transcript=hostile, console=hostile, task=hostile)
    )

    assert "<script" not in text


def test_nothing_is_fetched_and_nothing_runs() -> None:
    assert not re.search(r"(src|href)=\"(?!#)|url\(|@import|<script|\bon\w+=", PAGE)


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_nothing_reaches_out_of_the_window(tmp_path: Path, width: int) -> None:
    """A page beside it looks at the report in a frame of that width, and says what it has measured."""
    browser = need("looking at the page in a browser", *BROWSERS)
    long = page(
        session(RESULT, Outcome.FAILED, name="n" * 64, transcript="(gdb) " + "x" * 500, problem="y" * 300)
    )
    (tmp_path / "report.html").write_text(long, "utf-8")
    (tmp_path / "frame.html").write_text(
        f'<iframe id="f" src="report.html" style="width: {width}px; height: 900px; border: 0"></iframe>'
        "<script>document.getElementById('f').onload = event => {"
        "  const root = event.target.contentDocument.documentElement;"
        "  document.title = `measured ${root.clientWidth} ${root.scrollWidth} ${root.scrollHeight}`;"
        "}</script>",
        "utf-8",
    )
    shot = tmp_path / "shot.png"

    done = subprocess.run(
        [
            *(browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"),
            *(f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=5000", "--window-size=1400,1000"),
            *("--dump-dom", f"--screenshot={shot}", f"file://{tmp_path}/frame.html"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    found = re.search(r"measured (\d+) (\d+) (\d+)", done.stdout)
    assert found is not None, done.stderr
    visible, content, height = map(int, found.groups())
    assert width - 20 <= visible <= width
    assert content <= visible
    assert height > 900
