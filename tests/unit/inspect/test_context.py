"""What was armed, as a file or as DR7."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kvmgdb.arch.arming import ArmedSlot
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.exits import NOTHING_KNOWN, Armed
from kvmgdb.errors import UsageError
from kvmgdb.inspect.context import armed_from
from kvmgdb_x86.debugregs import debug_layout

X86 = debug_layout("64")
FULL = """
stepping: true
software: [0x401000, "0x402000"]
hardware:
  - {slot: dr1, kind: write, address: 0x2000, length: 4}
pc: 0x401004
"""


@pytest.fixture
def armed_file(tmp_path: Path) -> Path:
    return tmp_path / "armed.yaml"


def test_nothing_is_known_without_context() -> None:
    assert armed_from(X86, None, None) is NOTHING_KNOWN


def test_a_file_says_everything(armed_file: Path) -> None:
    armed_file.write_text(FULL)

    assert armed_from(X86, armed_file, None) == Armed(
        (ArmedSlot("DR1", BreakpointKind.WRITE, 0x2000, 4),), frozenset({0x401000, 0x402000}), True, 0x401004
    )


def test_json_is_as_good(armed_file: Path) -> None:
    armed_file.write_text(json.dumps({"software": [], "registers": {"dr7": "0x403", "DR0": 4096}}))

    assert armed_from(X86, armed_file, None) == Armed(
        (ArmedSlot("DR0", BreakpointKind.HARDWARE, 0x1000, 1),), frozenset()
    )


def test_dr7_alone_names_the_slots() -> None:
    armed = armed_from(X86, None, "0x00d0040a")

    assert armed.slots is not None
    assert [slot.slot for slot in armed.slots] == ["DR0", "DR1"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1]", "it takes keys (stepping, software, hardware, registers, pc)"),
        ("stepp: true", "unknown key 'stepp'; it takes stepping"),
        ("stepping: 1", "stepping: takes true or false, not 1"),
        ("software: 5", "software: takes a list, not 5"),
        ("software: [x]", "software[0] is not a number: 'x'"),
        ("hardware: [5]", "hardware[0]: takes slot, kind, address, length"),
        ("hardware: [{slot: DR9}]", "hardware[0].slot: x86:64 has no slot 'DR9'; it has DR0, DR1, DR2, DR3"),
        ("hardware: [{slot: DR0, kind: x}]", "hardware[0].kind: 'x' is none of execute, write, read, access"),
        ("hardware: [{slot: DR0, size: 4}]", "hardware[0]: unknown key 'size'"),
        ("registers: {cr0: 1}", "registers: x86:64 has no register 'cr0'; it has DR0"),
        ("registers: 5", "registers: takes register names with values"),
        ("registers: {dr7: -1}", "registers.dr7 does not fit 64 bits"),
        ("pc: [", "armed.yaml:1:6: "),
    ],
)  # fmt: skip
def test_a_mistake_is_named(armed_file: Path, text: str, problem: str) -> None:
    armed_file.write_text(text)

    with pytest.raises(UsageError) as raised:
        armed_from(X86, armed_file, None)

    assert problem in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_dr7_that_is_no_number_is_named() -> None:
    with pytest.raises(UsageError, match="--dr7 is not a number: 'zz'"):
        armed_from(X86, None, "zz")


def test_a_dr7_too_wide_for_the_machine_is_named() -> None:
    with pytest.raises(UsageError, match="DR7 has 32 bits and 0x100000400 needs more"):
        armed_from(debug_layout("32"), None, "0x100000400")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml: cannot be read: No such file"):
        armed_from(X86, tmp_path / "none.yaml", None)


def test_registers_need_an_architecture(armed_file: Path) -> None:
    armed_file.write_text("registers: {dr7: 1}")

    with pytest.raises(UsageError, match="registers: name the architecture with --arch"):
        armed_from(None, armed_file, None)
