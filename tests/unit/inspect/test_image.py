"""Addresses in an ELF file: made here, so that what is in it is known."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kvmgdb.errors import ImageError
from kvmgdb.inspect.image import Image
from tests.support.tools import need

SOURCE = """
int counter;
int other(int x) { return x + 1; }
int bump(int by)
{
    counter += by;
    return counter;
}
void _start(void) { bump(other(1)); for (;;); }
"""
COMPILERS = [
    pytest.param(("gcc", "-m64"), id="x86_64"),
    pytest.param(("powerpc-linux-gnu-gcc",), id="powerpc"),
]


@pytest.fixture(params=COMPILERS)
def elf(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    compiler, *flags = request.param
    need("building an image with debug information", compiler)
    (tmp_path / "demo.c").write_text(SOURCE)
    options = [*flags, "-g", "-O0", "-nostdlib", "-static", "-fno-pie", "-no-pie", "-Wl,--build-id=none"]
    subprocess.run([compiler, *options, "-o", "demo.elf", "demo.c"], cwd=tmp_path, check=True)
    return tmp_path / "demo.elf"


def function(elf: Path, name: str) -> int:
    image = Image(elf)
    return next(symbol.start for symbol in image._symbols if symbol.name == name)


def test_an_address_has_a_function_and_a_line(elf: Path) -> None:
    place = Image(elf).place(function(elf, "bump"))

    assert (place.function, place.offset, place.line) == ("bump", 0, 5)
    assert place.file == "demo.c"
    assert str(place) == "bump at demo.c:5"


def test_the_instruction_is_marked(elf: Path) -> None:
    address = function(elf, "bump")

    place = Image(elf).place(address)

    assert [i.address for i in place.instructions if i.marked] == [address]
    assert len(place.instructions) > 1


def test_the_instruction_before_is_marked_for_what_reports_after(elf: Path) -> None:
    start = function(elf, "bump")
    first, second = Image(elf).place(start).instructions[:2]

    place = Image(elf).place(second.address, True)

    assert [i.address for i in place.instructions if i.marked] == [first.address]
    assert place.address == start


def test_an_address_outside_has_no_symbol(elf: Path) -> None:
    place = Image(elf).place(0x10)

    assert str(place) == "0x10, no symbol"
    assert place.instructions == ()


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"\x7fELF" + b"\xff" * 60, b"hello world" * 10])
def test_what_is_no_elf_file_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.elf"
    file.write_bytes(content)

    with pytest.raises(ImageError, match=r"bad\.elf: no ELF file"):
        Image(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read: No such file"):
        Image(tmp_path / "none.elf")
