"""Registers: read in groups and one by one, and written."""

from __future__ import annotations

import pytest

from kvmgdb import builtin
from kvmgdb.plugins import load_plugins
from tests.support.gdb import Gdb
from tests.support.guests import EVERY, SampleGuest

ONE_OF_EACH = [
    # arch, a general register, a value it can hold
    ("x86:64", "rbx", 0x1122_3344_5566_7788),
    ("x86:32", "ebx", 0x1122_3344),
    ("x86:16", "ebx", 0x1122_3344),
    ("ppc:440", "r20", 0x1122_3344),
    ("ppc:750", "r20", 0x1122_3344),
]


@pytest.mark.parametrize("arch", EVERY)
def test_info_all_registers_shows_every_one(gdb: Gdb, arch: str) -> None:
    shown = {line.split()[0] for line in gdb.run("info all-registers").splitlines() if line.strip()}
    registers = load_plugins(builtin).resolve(arch).registers
    assert {register.name for register in registers} <= shown


def test_info_registers_shows_the_general_ones(gdb: Gdb, guest: SampleGuest, arch: str) -> None:
    text = gdb.run("info registers")
    names = (
        ("rax", "r15", "rip", "eflags", "cs")
        if guest.is_x86
        else ("r0", "r31", "pc", "msr", "lr", "cr", "xer")
    )
    shown = {line.split()[0] for line in text.splitlines()}
    assert set(names) <= shown
    assert "<_start>" in text


@pytest.mark.parametrize(("arch", "name", "value"), ONE_OF_EACH)
def test_a_register_that_is_written_is_read_back(gdb: Gdb, name: str, value: int) -> None:
    gdb.run(f"set var ${name} = {value:#x}")
    gdb.run("maintenance flush register-cache")
    assert gdb.number(f"${name}") == value
    gdb.run("stepi")
    assert gdb.number(f"${name}") == value


@pytest.mark.parametrize("arch", ["x86:64"])
def test_floating_point_of_x86(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.run_to(guest.line("float-x87"))
    assert gdb.value("ratio").startswith("0.4")
    assert gdb.value("$xmm0.v2_double[0]").startswith("0.4")
    float_names = {line.split()[0] for line in gdb.run("info registers float").splitlines()}
    assert {"st0", "st7", "fctrl", "ftag"} <= float_names
    gdb.run("set var $xmm1.v2_double[1] = 2.5")
    gdb.run("set var $st3 = 1.25")
    gdb.run("maintenance flush register-cache")
    assert gdb.value("$xmm1.v2_double[1]") == "2.5"
    assert gdb.value("$st3") == "1.25"


@pytest.mark.parametrize("arch", ["x86:64"])
def test_x87_code_leaves_its_value(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.run_to(guest.line("float-x87"))
    gdb.run("next")
    assert gdb.value("extended").startswith("409.6")


@pytest.mark.parametrize("arch", ["ppc:750", "ppc:440"])
def test_floating_point_of_powerpc(gdb: Gdb) -> None:
    float_names = {line.split()[0] for line in gdb.run("info registers float").splitlines()}
    assert {"f0", "f31", "fpscr"} <= float_names
    gdb.run("set var $f7 = -2.5")
    gdb.run("maintenance flush register-cache")
    assert gdb.value("$f7") == "-2.5"


@pytest.mark.parametrize("arch", ["x86:64"])
def test_system_registers_of_x86(gdb: Gdb) -> None:
    """More than QEMU's stub shows; gdb's x86 groups are its own, so they are asked for by name."""
    text = gdb.run("info registers cr0 cr3 efer dr7 gdtr_base cs_base")
    assert "[ PE MP ET NE PG ]" in text
    assert "[ LME LMA ]" in text
    assert gdb.number("$cr3") % 4096 == 0


@pytest.mark.parametrize(
    ("arch", "names"), [("ppc:440", "dbcr0 iac1 dac2 ivpr srr0"), ("ppc:750", "srr1 sprg3 iabr dabr")]
)
def test_system_registers_of_powerpc(gdb: Gdb, names: str) -> None:
    shown = {line.split()[0] for line in gdb.run("info registers system").splitlines()}
    assert set(names.split()) <= shown


@pytest.mark.parametrize("arch", ["ppc:440", "ppc:750", "ppc:e500v2"])
def test_a_special_purpose_register_the_guest_writes(gdb: Gdb, guest: SampleGuest) -> None:
    gdb.run_to("through_sprg0")
    gdb.run("finish")
    assert gdb.number("$sprg0") == 0x4B56_4D47


def test_the_flags_by_name(gdb: Gdb, guest: SampleGuest) -> None:
    name = "eflags" if guest.is_x86 else "msr"
    assert "[" in gdb.run(f"info registers {name}")
