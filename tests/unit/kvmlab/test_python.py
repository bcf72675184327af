"""What of this Python a test machine gets."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.kvmlab.cpio import Archive
from tests.kvmlab.python import add_distributions


def _packed(monkeypatch: pytest.MonkeyPatch, site: Path, names: list[str]) -> Archive:
    monkeypatch.setattr("tests.kvmlab.python.site_packages", lambda: [str(site)])
    archive = Archive(io.BytesIO())
    add_distributions(archive, names)
    return archive


def _install(site: Path, name: str, files: dict[str, str], requires: str = "") -> None:
    info = f"{name}-1.dist-info"
    files = files | {f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{requires}"}
    record = "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD"))
    for file, text in (files | {f"{info}/RECORD": record}).items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(text)


def test_a_distribution_brings_what_it_requires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path, "first", {"first.py": "x = 1"}, "Requires-Dist: second>=1\nRequires-Dist: not-there\n")
    _install(tmp_path, "second", {"second.py": "y = 2"})
    archive = _packed(monkeypatch, tmp_path, ["first"])
    assert f"{tmp_path}/first.pyc" in archive
    assert f"{tmp_path}/second.pyc" in archive


def test_what_a_build_leaves_beside_the_sources_is_no_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows nothing of the ``.pth`` by which an editable one is found."""
    sources, site = tmp_path / "sources", tmp_path / "site"
    (sources / "ours.egg-info").mkdir(parents=True)
    (sources / "ours.egg-info/PKG-INFO").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1\n")
    _install(site, "ours", {"ours.pth": str(sources)})
    monkeypatch.syspath_prepend(sources)
    archive = _packed(monkeypatch, site, ["ours"])
    assert f"{site}/ours.pth" in archive
