"""tests/kvm in the quick machine, wherever it can be had: its KVM lacks other things than this host's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.kvmlab.cache import LabError
from tests.kvmlab.machine import Job, run
from tests.kvmlab.qemu import QEMU, lacking
from tests.kvmlab.results import problems

pytestmark = pytest.mark.slow

LIMIT = 300
"""Seconds; it takes a minute and a half."""


def test_everything_ends_there_as_its_kvm_lets_expect(tmp_path: Path) -> None:
    if lacking():
        pytest.skip(lacking())
    try:
        results = run(replace(QEMU, limit=LIMIT), Job(tmp_path, gdb=False, patience=QEMU.patience))
    except LabError as problem:
        pytest.skip(f"{problem} (the lab needs Debian's archive once)")
    console = (tmp_path / "console.txt").read_text(errors="replace")
    failures = "\n".join(f"{test.name}:\n{test.text}" for test in results.failures())
    assert problems(results, whole=False) == [], f"{failures}\n{console[-2000:]}"
