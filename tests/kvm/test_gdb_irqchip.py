"""A real gdb on a guest that waits for interrupts in the kernel."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import gdb as gdb_support
from tests.support.gdb import Gdb
from tests.support.serve import serving

pytestmark = pytest.mark.gdb

ENTRY = 0x1000
HALTS_FOR_EVER = b"\xfa\xf4\x90\xeb\xfd"
"""cli; hlt; nop; and back to the nop."""


@pytest.fixture
def gdb(tmp_path: Path) -> Iterator[Gdb]:
    """gdb, attached to a guest that has halted with interrupts off."""
    image = tmp_path / "halts.bin"
    image.write_bytes(HALTS_FOR_EVER)
    start = ("--image", f"{image}@{ENTRY:#x}", "--entry", f"{ENTRY:#x}", "--arch", "x86:64")
    kvm = ("--backend", "kvm", "--set", "backend.irqchip=true")
    with serving(*start, *kvm) as server, gdb_support.started() as debugger:
        debugger.script(f"target remote {server.target}", "stepi", "stepi")
        yield debugger


def test_ctrl_c_ends_a_halt_each_time(gdb: Gdb) -> None:
    for _ in range(3):
        assert "SIGINT" in gdb.interrupt_after("continue")
        assert gdb.number("$pc") == ENTRY + 2


def test_ctrl_c_ends_a_step(gdb: Gdb) -> None:
    gdb.start("stepi")
    time.sleep(0.3)  # gdb says nothing when it begins
    assert "SIGINT" in gdb.interrupt()
    assert gdb.number("$pc") == ENTRY + 2


def test_a_jump_ends_it_too(gdb: Gdb) -> None:
    gdb.run(f"set var $pc = {ENTRY}")
    gdb.run("stepi")
    assert gdb.number("$pc") == ENTRY + 1


def test_reset(gdb: Gdb) -> None:
    gdb.interrupt_after("continue")
    gdb.go_back_to_start()
    gdb.run("stepi")
    assert gdb.number("$pc") == ENTRY + 1
