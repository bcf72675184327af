"""The POWER9's files and commands, before anything is downloaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.kvmlab.cache import LabError
from tests.kvmlab.machine import Job
from tests.kvmlab.powernv import _check_version, pytest_command


def test_its_tests_are_those_of_powerpc(tmp_path: Path) -> None:
    command = pytest_command(Job(tmp_path, gdb=False, options=("-k", "a step or ctrl_c")))
    assert command.startswith("/usr/bin/python3 -m pytest")
    assert command.endswith("tests/kvm_ppc -k 'a step or ctrl_c'")


def test_a_python_of_another_version_compiles_nothing_for_it(tmp_path: Path) -> None:
    (tmp_path / "usr/lib/python3.2").mkdir(parents=True)
    with pytest.raises(LabError, match=r"the machine has python3\.2, and this is python3\.\d+: make the"):
        _check_version(tmp_path)
    (tmp_path / f"usr/lib/python{sys.version_info.major}.{sys.version_info.minor}").mkdir()
    _check_version(tmp_path)
