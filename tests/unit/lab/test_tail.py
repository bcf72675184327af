"""Lines of a file that grows, each read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmgdb.lab.tail import HOLE, Tail


@pytest.mark.parametrize("consume", [False, True])
def test_each_line_comes_once_and_whole(tmp_path: Path, consume: bool) -> None:
    file = tmp_path / "f"
    tail = Tail(file, consume=consume)
    assert tail.lines() == []

    with file.open("w", buffering=1) as writer:
        writer.write("one\ntw")
        writer.flush()
        assert tail.lines() == ["one"]
        writer.write("o\nthree\n")
        assert tail.lines() == ["two", "three"]
        assert tail.lines() == []


def test_what_has_been_read_takes_no_room_on_the_disk_and_its_writer_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "f"
    tail = Tail(file, consume=True)
    with file.open("wb", buffering=0) as writer:
        for _ in range(4):
            writer.write(b"x" * HOLE + b"\n")
            assert len(tail.lines()) == 1
        writer.write(b"end\n")

    assert tail.lines() == ["end"]
    assert file.stat().st_size > 4 * HOLE
    assert file.stat().st_blocks * 512 < HOLE


def test_a_file_of_somebody_else_s_is_left_whole(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * 2 * HOLE + b"\n")
    file.chmod(0o444)

    assert len(Tail(file, consume=False).lines()) == 1
    assert file.read_bytes()[:1] == b"x"
