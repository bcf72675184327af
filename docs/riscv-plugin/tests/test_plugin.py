"""The hooks: what each answers, for whom, and that the plugin knows nothing of kvmgdb but its contract."""

from __future__ import annotations

import ast
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import kvmgdb_riscv
from kvmgdb import hookspec
from kvmgdb.arch.identity import ArchId
from kvmgdb.plugins import Plugins, load_plugins
from kvmgdb_riscv import plugin
from kvmgdb_riscv.variants import SAMPLES, XLEN

VARIANTS = tuple(XLEN)
HOOKS = sorted(name for name in dir(plugin) if name.startswith("kvmgdb_"))
ABOUT_AN_ARCH = [name for name in HOOKS if name not in ("kvmgdb_archs", "kvmgdb_monitor_commands")]
OTHERS = ("kvmgdb_backends", "kvmgdb_kvm_port", "kvmgdb_qemu_port")
"""What it does not implement: no backend of its own, and no KVM host to try a port on."""


@pytest.fixture
def loaded() -> Plugins:
    """Nothing but this plugin, as kvmgdb loads it."""
    return load_plugins(found=[EntryPoint("riscv", "kvmgdb_riscv.plugin", "kvmgdb")], environment={})


def test_it_is_loaded_without_a_problem(loaded: Plugins) -> None:
    [record] = loaded.records
    assert record.problem == ""
    assert [command.name for command in record.commands] == ["privilege"]


@pytest.mark.parametrize(
    ("text", "variant"),
    [("riscv", "rv64"), ("riscv:rv32", "rv32"), ("riscv64", "rv64"), ("riscv32", "rv32")],
)
def test_its_names(loaded: Plugins, text: str, variant: str) -> None:
    assert loaded.resolve(text).id == ArchId("riscv", variant)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_part_is_there(loaded: Plugins, variant: str) -> None:
    arch = loaded.resolve(f"riscv:{variant}")
    assert arch.registers.architecture == f"riscv:{variant}"
    assert arch.layout.arch == arch.decoder.layout.arch == f"riscv:{variant}"
    assert arch.breakpoints.watch_before
    assert arch.emulator is not None
    assert arch.sample_guest is not None
    assert arch.sample_guest.name == SAMPLES[variant]
    assert arch.kvm is None


@pytest.mark.parametrize("name", ABOUT_AN_ARCH)
def test_another_architecture_is_left_to_others(name: str) -> None:
    hook: Any = getattr(plugin, name)
    assert hook(ArchId("ppc", "440")) is None


def test_what_it_leaves_out_is_named_here() -> None:
    every = {name for name in dir(hookspec) if name.startswith("kvmgdb_")}
    assert every == {*HOOKS, *OTHERS}


def test_it_imports_the_contract_alone() -> None:
    allowed = ("kvmgdb.arch", "kvmgdb.hookspec", "kvmgdb.errors", "kvmgdb_riscv")
    found = {name for file in _sources() for name in _imports(file) if name.startswith("kvmgdb")}
    assert "kvmgdb.hookspec" in found
    assert [name for name in sorted(found) if not name.startswith(allowed)] == []


def _sources() -> list[Path]:
    return sorted(Path(str(kvmgdb_riscv.__file__)).parent.glob("*.py"))


def _imports(file: Path) -> list[str]:
    tree = ast.walk(ast.parse(file.read_text()))
    names = []
    for node in tree:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names
