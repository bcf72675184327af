"""A disk that boots a kernel: where everything is on it, and what the kernel finds."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from kvmgdb_x86.paging import PagingState, translate
from tests.kvmlab import direct_boot
from tests.kvmlab.direct_boot import BOOT_SECTOR, boot_params, flatten, make_disk, page_tables
from tests.support.guests import sample
from tests.support.tools import need

MEMORY = 256 << 20
CHUNK = 64 * 512


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Something with the header of a bzImage."""
    made = tmp_path / "vmlinuz"
    made.write_bytes(bytes(0x1F1) + bytes(range(1, 160)) + bytes(100))
    return made


def test_a_kernels_segments_are_where_its_file_says() -> None:
    guest = sample("x86:64")
    kernel = flatten(guest.elf)
    place = guest.symbol("deposit") - kernel.start
    assert kernel.entry == guest.symbol("_start")
    assert kernel.content[place : place + guest.size("deposit")] in guest.elf.read_bytes()
    assert kernel.end >= kernel.start + len(kernel.content)


def test_the_first_gigabyte_is_mapped_to_itself() -> None:
    address = 0x40_0000
    tables = page_tables(address)

    def read(place: int, length: int) -> bytes:
        return tables[place - address : place - address + length]

    state = PagingState(cr0=1 << 31 | 1, cr3=address, cr4=1 << 5, efer=1 << 10)
    for where in (0, 0x10_0000, 0x3FFF_FFFF):
        assert translate(state, where, read) == where


def test_the_kernel_finds_its_header_its_memory_and_its_files(image: Path) -> None:
    page = boot_params(image, 0x80_0000, 0x90_0000, 1234, "console=ttyS0", MEMORY)
    assert page[0x1F1:0x210] == bytes(range(1, 32))
    assert struct.unpack_from("<II", page, 0x218) == (0x90_0000, 1234)
    assert page[0x1E8] == 2
    start, length, kind = struct.unpack_from("<QQI", page, 0x2D0 + 20)
    assert (start, start + length, kind) == (0x10_0000, MEMORY - (64 << 10), 1)
    [line] = struct.unpack_from("<I", page, 0x228)
    assert page[line - 0x80_0000 :].startswith(b"console=ttyS0\0")


def test_the_disk_holds_everything_in_the_order_of_addresses(tmp_path: Path, image: Path) -> None:
    files = tmp_path / "initramfs"
    files.write_bytes(b"the file system")
    disk, elf = tmp_path / "disk", sample("x86:64").elf
    make_disk(disk, image, elf, files, "quiet", MEMORY)
    data, kernel = disk.read_bytes(), flatten(elf)
    start, chunks, tables, parameters, entry = struct.unpack_from("<5I", data, 0x1C0)
    assert data[510:512] == b"\x55\xaa"
    assert (start, entry) == (kernel.start, kernel.entry)
    assert tables >= kernel.end
    assert data[512 : 512 + len(kernel.content)] == kernel.content
    [place] = struct.unpack_from("<I", data, 512 + parameters - start + 0x218)
    end = 512 + place - start + len(b"the file system")
    assert data[512 + place - start : end] == b"the file system"
    assert end <= 512 + chunks * CHUNK <= len(data)


def test_the_sector_is_what_its_source_says(tmp_path: Path) -> None:
    for tool in ("as", "ld"):
        need("building the boot sector", tool)
    built, made = tmp_path / "sector.o", tmp_path / "sector.bin"
    source = Path(direct_boot.__file__).with_name("boot_sector.S")
    subprocess.run(["as", "--64", "-o", built, source], check=True)
    link = ["ld", "-m", "elf_x86_64", "-Ttext", "0x7c00", "-e", "0x7c00", "--oformat", "binary"]
    subprocess.run([*link, "-o", made, built], check=True)
    assert made.read_bytes() == BOOT_SECTOR.read_bytes()
    assert len(made.read_bytes()) <= 0x1C0
