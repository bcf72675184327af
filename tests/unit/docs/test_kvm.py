"""The page on KVM says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kvmgdb.arch.kvm_run import EXIT_REASONS
from kvmgdb.backends.kvm.start import Options
from kvmgdb.config.load import load

PAGE = (Path(__file__).parents[3] / "docs" / "kvm.md").read_text("utf-8")


def test_its_lab_file_is_one(tmp_path: Path) -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "lab.yaml"
    file.write_text(example)
    config = load(file).config
    assert (config.backend, config.backend_options) == ("kvm", {"irqchip": True})


@pytest.mark.parametrize("option", Options.__dataclass_fields__)
def test_each_option_is_told_of(option: str) -> None:
    assert f"backend.{option}=" in PAGE


def test_its_exits_are_the_kernels() -> None:
    """Every name in capitals of the table."""
    table = PAGE.partition("## Exits")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([A-Z_]{2,}(?:, [A-Z_]+)*)", table, re.MULTILINE)
    told = {f"KVM_EXIT_{name}" for row in rows for name in row.split(", ")}
    assert told
    assert told <= {reason.name for reason in EXIT_REASONS.values()}
