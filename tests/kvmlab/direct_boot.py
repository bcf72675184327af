"""A disk that boots a Linux kernel without unpacking anything: an emulated processor takes minutes for that.

The boot sector reads the kernel's segments, page tables, the kernel's parameters and its first file system
from the disk to where they belong, in one piece, and enters the kernel in 64-bit mode.
Source: the kernel's ``Documentation/x86/boot.rst`` ("64-bit Boot Protocol") and ``zero-page.rst``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

BOOT_SECTOR = Path(__file__).with_name("boot_sector.bin")
PAGE = 0x1000

_PARAMETERS = 0x1C0
"""Offset in the sector; see ``boot_sector.S``."""
_CHUNK = 64 * 512
_TABLES = 3 * PAGE
_COMMAND_LINE = 0x800
"""Offset in the page of ``struct boot_params``: behind everything the kernel looks at there."""
_CYLINDER = 16 * 63 * 512
_USABLE = 1
_FIRMWARES = 64 << 10
"""Bytes that Bochs' BIOS takes from the end of memory."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel as it stands in memory."""

    start: int
    end: int
    """Behind its last segment, with what the file does not hold."""
    entry: int
    content: bytes


def make_disk(disk: Path, image: Path, vmlinux: Path, initramfs: Path, arguments: str, memory: int) -> None:
    """Write the disk.

    Args:
        image: the bzImage, whose header the kernel wants to see.
        vmlinux: the ELF file in it.
        arguments: the kernel's command line.
        memory: bytes of RAM the machine has.
    """
    kernel = flatten(vmlinux)
    tables = kernel.end + -kernel.end % (2 << 20)
    parameters, files = tables + _TABLES, tables + _TABLES + PAGE
    content = initramfs.read_bytes()
    page = boot_params(image, parameters, files, len(content), arguments, memory)
    parts = (
        (kernel.start, kernel.content),
        (tables, page_tables(tables)),
        (parameters, page),
        (files, content),
    )
    size = files + len(content) - kernel.start
    chunks = -(-size // _CHUNK)
    with disk.open("wb") as out:
        sector = BOOT_SECTOR.read_bytes().ljust(_PARAMETERS, b"\0")
        sector += struct.pack("<5I", kernel.start, chunks, tables, parameters, kernel.entry)
        out.write(sector.ljust(510, b"\0") + b"\x55\xaa")
        for address, data in parts:
            out.seek(512 + address - kernel.start)
            out.write(data)
        whole = 512 + chunks * _CHUNK
        out.truncate(whole + -whole % _CYLINDER)


def flatten(vmlinux: Path) -> Kernel:
    """The segments of an ELF file, one behind the other, by physical address."""
    with vmlinux.open("rb") as stream:
        elf = ELFFile(stream)
        segments = list(elf.iter_segments("PT_LOAD"))
        start = min(segment["p_paddr"] for segment in segments)
        end = max(segment["p_paddr"] + segment["p_memsz"] for segment in segments)
        memory = bytearray(max(segment["p_paddr"] + segment["p_filesz"] for segment in segments) - start)
        for segment in segments:
            place = segment["p_paddr"] - start
            memory[place : place + segment["p_filesz"]] = segment.data()
        return Kernel(start, end, elf["e_entry"], bytes(memory))


def page_tables(address: int) -> bytes:
    """Three pages that map the first gigabyte to itself, for being at ``address``."""
    to_next = [struct.pack("<Q", address + n * PAGE | 3).ljust(PAGE, b"\0") for n in (1, 2)]
    return b"".join((*to_next, *(struct.pack("<Q", n << 21 | 0x83) for n in range(512))))


def boot_params(image: Path, here: int, files: int, size: int, arguments: str, memory: int) -> bytes:
    """``struct boot_params`` for being at ``here``, with ``size`` bytes of a file system at ``files``."""
    page = bytearray(PAGE)
    header = image.read_bytes()[0x1F1:0x290]
    page[0x1F1 : 0x1F1 + len(header)] = header
    usable = ((0, 0x9F000), (0x10_0000, memory - _FIRMWARES - 0x10_0000))
    page[0x1E8] = len(usable)
    for n, (start, length) in enumerate(usable):
        struct.pack_into("<QQI", page, 0x2D0 + 20 * n, start, length, _USABLE)
    page[0x210] = 0xFF  # type_of_loader: none of the known ones
    struct.pack_into("<II", page, 0x218, files, size)
    struct.pack_into("<I", page, 0x228, here + _COMMAND_LINE)
    line = arguments.encode() + b"\0"
    page[_COMMAND_LINE : _COMMAND_LINE + len(line)] = line
    return bytes(page)
