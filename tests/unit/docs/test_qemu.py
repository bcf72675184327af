"""The page on QEMU says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kvmgdb.backends.qemu.start import Options
from kvmgdb.config.load import load
from kvmgdb_ppc.qemu import BOARDS
from kvmgdb_x86.qemu import BOARD, X86Qemu

PAGE = (Path(__file__).parents[3] / "docs" / "qemu.md").read_text("utf-8")


def test_its_example_is_one(tmp_path: Path) -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "guest.yaml"
    file.write_text(example)
    config = load(file).config
    assert config.backend == "qemu"
    assert config.backend_options == {
        "cpu": "max",
        "arguments": ["-drive", "file=disk.img,format=raw,snapshot=on"],
    }


@pytest.mark.parametrize("option", Options.__dataclass_fields__)
def test_each_option_is_told_of(option: str) -> None:
    assert f"backend.{option}=" in PAGE


@pytest.mark.parametrize("variant", BOARDS)
def test_its_machines_are_those_of_the_boards(variant: str) -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith("| `") and f"`ppc:{variant}`" in line]
    assert f"`{BOARDS[variant].machine}`" in row
    assert f"`{BOARDS[variant].cpu}`" in row


def test_what_x86_does_not_have() -> None:
    assert f"`{BOARD.machine}`" in PAGE
    assert all(name.upper() in PAGE for name in X86Qemu.absent)
