"""``start: machine``: a whole machine from its reset on, with its firmware and a disk."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb
from tests.support.guests import ROOT
from tests.support.serve import Serve

DISK = ROOT / "configs" / "boot-sector" / "boot.bin"


@pytest.fixture
def options() -> tuple[str, ...]:
    return (
        *("--set", "backend.start=machine"),
        *("--set", f"backend.arguments=-drive file={DISK},format=raw,if=ide,snapshot=on"),
    )


@pytest.mark.parametrize("arch", ["x86:16"])
def test_the_firmware_boots_the_disk(gdb: Gdb, serve: Serve) -> None:
    gdb.run("symbol-file")
    assert gdb.number("$cs_base") + gdb.number("$eip") == 0xFFFFFFF0
    assert gdb.number("*(unsigned char *) 0xfffffff0") == 0xEA  # jmp far
    assert "Breakpoint" in gdb.script("hbreak *0x7c00", "continue")
    sector = DISK.read_bytes()
    assert gdb.memory(0x7C00, 16) == sector[:16]
    gdb.run("stepi")
    assert gdb.number("$eip") != 0x7C00
    gdb.go_back_to_start()
    assert gdb.number("$cs_base") + gdb.number("$eip") == 0xFFFFFFF0
