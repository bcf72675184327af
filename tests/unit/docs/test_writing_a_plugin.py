"""The page for plugin authors against the code: every hook, code that runs, messages that are really said."""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from kvmgdb import hookspec
from kvmgdb.arch.exits import Armed, Owner
from kvmgdb.arch.layout import BitField, DebugRegister
from kvmgdb.errors import PluginError
from kvmgdb.plugins import Plugins, load_plugins

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "writing-a-plugin.md").read_text()
HOOKS = {name for name in dir(hookspec) if name.startswith("kvmgdb_")}

HEAD = """
from kvmgdb.arch.identity import ArchInfo, Variant
from kvmgdb.hookspec import hookimpl
"""


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of modules that can be imported."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in ("kvmgdb_mine", "kvmgdb_riscv_vendor"):
        sys.modules.pop(name, None)


def _load(*points: tuple[str, str]) -> Plugins:
    return load_plugins(found=[EntryPoint(*point, "kvmgdb") for point in points], environment={})


def test_every_hook_has_a_section_and_no_section_is_of_none() -> None:
    assert set(re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE)) == HOOKS


def test_what_it_refers_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE)
    assert "riscv-plugin/README.md" in links
    assert [link for link in links if not (DOCS / link).exists()] == []


def test_the_plugins_page_names_every_file_of_it() -> None:
    plugin = DOCS / "riscv-plugin"
    named = set(re.findall(r"^\| `([\w.]+)/?` \|", (plugin / "README.md").read_text(), re.MULTILINE))
    modules = {path.name for path in (plugin / "kvmgdb_riscv").glob("*.py")} - {"__init__.py"}
    assert named == {*modules, "guests", "tests"}


def test_the_vendors_decoder_replaces_one_part_and_keeps_the_rest(folder: Path) -> None:
    [code] = _blocks("python")
    (folder / "kvmgdb_riscv_vendor.py").write_text(code)
    name, module = re.findall(r'^([\w-]+) = "(kvmgdb_riscv_vendor)"$', PAGE, re.MULTILINE)[0]
    arch = _load((name, module), ("riscv", "kvmgdb_riscv.plugin")).resolve("riscv")
    decoded = arch.decoder.decode(struct.pack("<QQ", 3, 0x1000), "little")
    verdict = arch.decoder.verdict(decoded, Armed(software=frozenset({0x1000})))
    assert (decoded.values, verdict.owner) == ({"cause": 3, "epc": 0x1000}, Owner.OURS)
    assert arch.registers.pc == "pc"
    assert arch.decoder.layout.arch == "riscv:rv64"


TOLD = re.findall(r"^\| `(.+?)` \|", PAGE, re.MULTILINE)
"""The messages of the page's table."""

MINE = "@hookimpl\ndef kvmgdb_archs(): return [{}]\n"
ARCH = "ArchInfo('mine', '', (Variant('1', ''),){})"
FAILING = "@hookimpl\ndef kvmgdb_registers(arch): return 1 / 0 if arch.name == 'mine' else None\n"
POINT = ("mine", "kvmgdb_mine")


def _broken(*points: tuple[str, str]) -> str:
    return _load(POINT, *points).records[-1].problem


def _error(action: Callable[[], object]) -> str:
    with pytest.raises(PluginError) as refused:
        action()
    return str(refused.value)


def _no_registers() -> str:
    arch = _load(POINT).resolve("mine")
    return _error(lambda: arch.registers)


def _layout() -> str:
    fields = (BitField("L0", 1, ""), BitField("G0", 3, ""))
    return _error(lambda: DebugRegister("DR7", 32, "", "", fields))


CASES: list[tuple[str | None, Callable[[], str]]] = [
    (None, _broken),
    ("@hookimpl\ndef kvmgdb_register(arch): ...", _broken),
    (MINE.format(ARCH.format(", api=2")), _broken),
    (MINE.format("ArchInfo('mine', '', ())"), _broken),
    (MINE.format("'mine'"), _broken),
    ("", lambda: _broken(("mine", "kvmgdb_riscv.plugin"))),
    (
        MINE.format(ARCH.format("")).replace("'mine'", "'x86'"),
        lambda: _error(lambda: _load(POINT, ("x86", "kvmgdb_x86.plugin")).archs),
    ),
    (MINE.format(ARCH.format("")), _no_registers),
    (MINE.format(ARCH.format("")) + FAILING, _no_registers),
    ("", _layout),
]
"""In the table's order: the module ``kvmgdb_mine``, and who says what is wrong with it."""


@pytest.mark.parametrize(("told", "case"), list(zip(TOLD, CASES, strict=True)), ids=TOLD)
def test_the_messages_are_those_that_are_said(
    folder: Path, told: str, case: tuple[str | None, Callable[[], str]]
) -> None:
    source, say = case
    if source is not None:
        (folder / "kvmgdb_mine.py").write_text(HEAD + source)
    assert say().startswith(told)
