"""Moving memory between the guest and files."""

from __future__ import annotations

from pathlib import Path

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest


def test_there_and_back(gdb: Gdb, guest: SampleGuest, tmp_path: Path) -> None:
    file = tmp_path / "account.bin"
    gdb.run_to("deposit")
    gdb.run(f"dump binary value {file} account")
    assert b"ada\0" in file.read_bytes()
    gdb.run("set var account.balance = -1")
    gdb.run(f"restore {file} binary &account")
    assert gdb.value("account.balance") == "100"


def test_a_megabyte(gdb: Gdb, guest: SampleGuest, tmp_path: Path) -> None:
    source, back = tmp_path / "in.bin", tmp_path / "out.bin"
    data = bytes((index * 7 + (index >> 8)) & 0xFF for index in range(1 << 20))
    source.write_bytes(data)
    gdb.run(f"restore {source} binary 0x400000")
    gdb.run(f"dump binary memory {back} 0x400000 0x500000")
    assert back.read_bytes() == data


def test_compare_sections_finds_the_image_loaded(gdb: Gdb) -> None:
    answer = gdb.run("compare-sections")
    assert "matched" in answer
    assert "MIS-MATCHED" not in answer
