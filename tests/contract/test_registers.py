"""Registers: every one can be read; what is written is read back, or refused."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvmgdb.errors import RspError
from tests.support.accesses import CODE, nop
from tests.support.machines import Machine

_SEGMENT_BASES = {"cs_base", "ss_base", "ds_base", "es_base"}
_CLASSIC = {"tbl", "tbu", "pvr"}
READ_ONLY = {
    "x86:64": _SEGMENT_BASES,
    "x86:32": _SEGMENT_BASES,
    "x86:16": _SEGMENT_BASES,
    "ppc:440": _CLASSIC | {"pir"},
    "ppc:e500v1": _CLASSIC | {"pir", "svr"},
    "ppc:e500v2": _CLASSIC | {"pir", "svr"},
    "ppc:e500mc": _CLASSIC | {"pir", "svr"},
    "ppc:603e": _CLASSIC,
    "ppc:750": _CLASSIC,
    "ppc:7457": _CLASSIC,
    "riscv:rv64": {"misa", "mhartid"},
    "riscv:rv32": {"misa", "mhartid"},
}
"""What may refuse to be written."""

PRINTED = {
    ("qemu", "x86"): {
        *("gdtr_base", "gdtr_limit", "idtr_base", "idtr_limit", "ldtr", "ldtr_base", "tr", "tr_base"),
        *("dr0", "dr1", "dr2", "dr3", "dr6", "dr7"),
    }
}
"""What a backend can only read."""

PARTLY_FIXED = {
    *("eflags", "cs", "ss", "ds", "es", "fs", "gs", "mxcsr", "msr", "fpscr"),
    *("zero", "fflags", "frm", "fcsr"),
    "xer",
    *("fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"),
}
"""Registers with bits the processor keeps as it likes, or values it does not take."""


def test_every_register_can_be_read(fresh: Machine) -> None:
    names = fresh.readable
    for name, value in zip(names, fresh.backend.read_registers(names), strict=True):
        assert 0 <= value < 1 << max(fresh.arch.registers.by_name[name].bits, 64), name


def test_one_by_one_and_all_together_are_the_same(fresh: Machine) -> None:
    fresh.run_to(fresh.guest.symbol("mix"))
    names = fresh.readable
    together = dict(zip(names, fresh.backend.read_registers(names), strict=True))
    moving = {"dec", "tbl", "tbu"}  # the time base and its like
    assert {n: fresh.register(n) for n in names if n not in moving} == {
        n: v for n, v in together.items() if n not in moving
    }


def test_what_was_read_can_be_given_back(fresh: Machine) -> None:
    fresh.run_to(fresh.guest.symbol("mix"))
    refused = set()
    for name in fresh.readable:
        value = fresh.register(name)
        try:
            fresh.backend.write_register(name, value)
        except RspError:
            refused.add(name)
            continue
        if name != "dec":
            assert fresh.register(name) == value, name
    printed = PRINTED.get((fresh.backend.name, fresh.arch.info.name), set())
    assert refused <= READ_ONLY[fresh.guest.arch] | printed


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, (1 << 128) - 1))
def test_any_value_in_a_register_a_program_uses(shared: Machine, seed: int) -> None:
    chosen = [
        register
        for register in shared.arch.registers
        if register.group != "system" and register.name not in PARTLY_FIXED | {shared.pc_register}
    ]
    expected = {register.name: seed & ((1 << register.bits) - 1) for register in chosen}
    for name, value in expected.items():
        shared.backend.write_register(name, value)
    assert {name: shared.register(name) for name in expected} == expected


def test_the_guest_computes_with_what_was_written(fresh: Machine) -> None:
    """An argument changed at the entry of ``deposit`` changes the balance."""
    fresh.run_to(fresh.guest.symbol("deposit"))
    guest = fresh.guest.arch
    if guest in ("x86:32", "x86:16"):
        fresh.write(fresh.register("esp") + 8, (1000).to_bytes(4, "little"))
    else:
        second = {"x86": "rsi", "ppc": "r4", "riscv": "a1"}[fresh.arch.info.name]
        fresh.backend.write_register(second, 1000)
    fresh.run_to(fresh.guest.symbol("deposit"))
    balance = fresh.read(fresh.guest.symbol("account") + 4, 4)
    assert int.from_bytes(balance, fresh.arch.registers.byteorder) == 1100


def test_the_pc_can_be_written(fresh: Machine) -> None:
    code = nop(fresh.guest.arch)
    fresh.write(CODE, code)
    fresh.backend.write_register(fresh.pc_register, CODE)
    assert fresh.backend.pc() == CODE
    assert fresh.backend.step().pc == CODE + len(code)


def test_a_register_that_is_read_only_says_so(fresh: Machine) -> None:
    for name in READ_ONLY[fresh.guest.arch]:
        with pytest.raises(RspError, match=name):
            fresh.backend.write_register(name, fresh.register(name) ^ 0x1000)
