"""Libraries read from ELF files, against what the dynamic linker itself has loaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.kvmlab.cache import LabError
from tests.kvmlab.libraries import libraries


def test_an_interpreters_libraries_are_those_it_has_loaded() -> None:
    found = {path.resolve() for path in libraries([Path(sys.executable)])}
    mapped = {
        Path(line.split()[-1]) for line in Path("/proc/self/maps").read_text().splitlines() if ".so" in line
    }
    assert any(path.name.startswith("ld-") for path in found)
    assert {path for path in found if not path.name.startswith("ld-")} <= {path.resolve() for path in mapped}


def test_what_is_no_program_needs_nothing(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh")
    assert libraries([tmp_path / "script"]) == []


def test_a_library_that_is_not_here_is_named() -> None:
    with pytest.raises(LabError, match=r"the library lib[\w.]+, which .* needs, is not on this host"):
        libraries([Path(sys.executable)], folders=())
