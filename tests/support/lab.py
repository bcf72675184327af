"""``kvmgdb lab`` as its users run it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support.serve import clean_environment

LIMIT = 60.0
"""Seconds anything here may take: running into it is a failure."""


def lab_words(*arguments: str) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "kvmgdb", "lab", *arguments]


def run_lab(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """``kvmgdb lab ARGUMENTS`` to its end."""
    return subprocess.run(
        lab_words(*arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=clean_environment(),
        timeout=LIMIT,
        check=False,
        cwd=cwd,
    )


def start_lab(
    output: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """``kvmgdb lab ARGUMENTS``, which goes on."""
    with output.open("wb") as file:
        return subprocess.Popen(
            lab_words(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=clean_environment() | dict(environment or {}),
            start_new_session=True,
        )


def until(what: str, is_so: Callable[[], object]) -> None:
    """Wait for something."""
    deadline = time.monotonic() + LIMIT
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"it never came to this: {what}")
        time.sleep(0.02)


def processes_with(text: str) -> list[int]:
    """Every process whose command line has ``text`` in it, this one left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:  # it has ended meanwhile
                continue
            if any(text in word.decode("utf-8", "replace") for word in words):
                found.append(int(entry.name))
    return found


def write_lab(folder: Path, lines: Sequence[str]) -> str:
    """A lab file of these lines; its name."""
    file = folder / "lab.yaml"
    file.write_text("\n".join(["version: 1", *lines]) + "\n", "utf-8")
    return str(file)
