"""Which version is the newest, and what is missing where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kvmlab import packages
from tests.kvmlab.cache import LabError
from tests.kvmlab.packages import Packages, Suite, lacking, newest


def test_the_highest_number_is_the_newest() -> None:
    names = ("linux-image-6.1.0-9-amd64", "linux-image-6.1.0-56-amd64", "linux-image-6.1.0-13-amd64")
    assert newest(names) == "linux-image-6.1.0-56-amd64"


@given(st.sets(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1))
def test_numbers_are_compared_as_numbers(versions: set[tuple[int, int]]) -> None:
    assert newest(f"kernel-{a}.{b}-x" for a, b in versions) == "kernel-{}.{}-x".format(*max(versions))


def test_no_name_at_all_is_said() -> None:
    with pytest.raises(LabError, match="no package"):
        newest(())


def test_a_suite_is_trusted_by_debians_keys() -> None:
    line = Suite("bookworm-backports").line
    assert line.startswith("deb [signed-by=/usr/share/keyrings/")
    assert line.endswith("/debian bookworm-backports main")


def test_a_host_without_apt_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "apt-get is not installed" in lacking()
    with pytest.raises(LabError, match="apt-get is not installed"):
        Packages()


def test_a_host_without_debians_keys_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packages, "TOOLS", ())
    monkeypatch.setattr(packages, "KEYRING", tmp_path / "none.gpg")
    assert "apt-get install debian-archive-keyring" in lacking()
