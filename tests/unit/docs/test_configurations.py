"""Every configuration on a page is one: ``kvmgdb config check`` has nothing to say to it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kvmgdb.cli.main import app
from tests.support.guests import sample
from tests.support.pages import ROOT

FENCED = re.compile(r"^```yaml\n(version: 1\n.*?)^```", re.MULTILINE | re.DOTALL)
LITERAL = re.compile(r"^\.Bd -literal.*\n(version: 1\n.*?)^\.Ed", re.MULTILINE | re.DOTALL)
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "man").glob("*.[1-9]")]


def _configurations() -> Iterator[tuple[str, str]]:
    for page in sorted(PAGES):
        text = page.read_text("utf-8")
        yield from ((page.name, found) for found in (*FENCED.findall(text), *LITERAL.findall(text)))


CONFIGURATIONS = list(_configurations())


@pytest.mark.parametrize(
    ("page", "text"), CONFIGURATIONS, ids=[f"{page}-{i}" for i, (page, _) in enumerate(CONFIGURATIONS)]
)
def test_a_configuration_is_one(page: str, text: str, tmp_path: Path) -> None:
    shutil.copy(sample("ppc:440").elf, tmp_path / "hello.elf")
    (tmp_path / "boot.bin").write_bytes(b"\xf4")
    file = tmp_path / "file.yaml"
    file.write_text(text)
    result = CliRunner().invoke(app, ["config", "check", str(file)])
    assert (result.output, result.exit_code) == (f"{file}: ok\n", 0), page


def test_the_pages_have_some() -> None:
    assert {"README.md", "kvm.md", "kvmgdb.yaml.5", "kvmgdb-lab.1"} <= {page for page, _ in CONFIGURATIONS}
