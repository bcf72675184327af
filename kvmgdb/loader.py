"""Guest images: ELF files by physical address, raw files at an address.

ELF is read by pyelftools, sections and DWARF untouched: what is loaded are the ``PT_LOAD`` segments, each
at its physical address (``p_paddr``), as firmware and boot loaders do.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.common.utils import struct_parse
from elftools.elf.elffile import ELFFile

from kvmgdb.arch.identity import ArchInfo
from kvmgdb.errors import ImageError

ELF_MAGIC = b"\x7fELF"

MAX_MEMORY = 3 << 30
"""Most memory a guest may have, and one image takes, in bytes."""

MAX_SEGMENTS = 1024
"""Most program headers read: linkers make about a dozen, a damaged file can have 65,535 in one place."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image, read."""

    path: Path
    segments: tuple[tuple[int, bytes], ...]
    """(guest-physical address, bytes)."""
    entry: int | None
    """The ELF's entry; a raw image has none."""
    machine: str = ""
    """``e_machine`` as pyelftools names it; empty for a raw image."""
    bits: int = 0


@dataclass(frozen=True, slots=True)
class LoadedImages:
    """What a guest starts with."""

    segments: tuple[tuple[int, bytes], ...]
    entry: int
    symbols: Image | None = None
    """The first ELF: where a debugger finds its symbols."""


def read_image(path: Path, address: int | None, memory: int = MAX_MEMORY) -> Image:
    """Read one image file; an ELF says where it goes, a raw file goes to ``address``.

    ``memory`` is what the guest has, in bytes from address 0: an image that goes past it is not read.

    Raises:
        ImageError: the file cannot be read, is damaged or too large, a raw file has no address, an ELF has
            one.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{path}: not a regular file")
        with path.open("rb") as file:
            is_elf = file.read(len(ELF_MAGIC)) == ELF_MAGIC
    except OSError as problem:
        raise ImageError(f"{path}: cannot be read: {problem.strerror or problem}") from problem
    if not status.st_size:
        raise ImageError(f"{path}: an empty file")
    if not is_elf:
        return _read_raw(path, address, status.st_size, memory)
    if address is not None:
        raise ImageError(f"{path}: an ELF file says itself where it goes: leave out @{address:#x}")
    return _read_elf(path, memory)


def _read_raw(path: Path, address: int | None, size: int, memory: int) -> Image:
    if address is None:
        raise ImageError(f"{path}: not an ELF file, so it needs an address: {path}@ADDRESS")
    _check_fits(path, address, size, memory)
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise ImageError(f"{path}: cannot be read: {problem.strerror or problem}") from problem
    return Image(path, ((address, data),), None)


def _check_fits(path: Path, address: int, size: int, memory: int) -> None:
    if address + size > memory:
        raise ImageError(
            f"{path}: reaches {address + size:#x}, past the guest's {memory:#x} bytes of memory: "
            "give it more with --memory"
        )


def _read_elf(path: Path, memory: int) -> Image:
    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            segments = tuple(_loads(elf, lambda address, size: _check_fits(path, address, size, memory)))
            image = Image(path, segments, elf["e_entry"], elf["e_machine"], elf.elfclass)
    except ImageError:
        raise
    except (ELFError, OSError, ValueError, OverflowError, UnicodeError, KeyError, AttributeError) as problem:
        raise ImageError(f"{path}: a damaged ELF file: {problem}") from problem
    except Exception as problem:  # pyelftools lets the parser's own errors through
        raise ImageError(f"{path}: a damaged ELF file: {type(problem).__name__}: {problem}") from problem
    if not image.segments:
        raise ImageError(f"{path}: an ELF file with nothing to load (an object file? link it first)")
    return image


def _loads(elf: ELFFile, check: Callable[[int, int], None]) -> Iterator[tuple[int, bytes]]:
    """The segments to load, the zeros at their ends included; ELFError where they cannot be.

    ``check`` is asked about an address and a size before as much memory is filled.

    Only the program headers are read: what else a file is made of may be damaged or stripped.
    """
    count, size = elf["e_phnum"], elf["e_phentsize"]
    if count > MAX_SEGMENTS:
        raise ELFError(f"{count} program headers")
    total = 0
    for index in range(count):
        header = struct_parse(elf.structs.Elf_Phdr, elf.stream, elf["e_phoff"] + index * size)
        if header["p_type"] != "PT_LOAD":
            continue
        in_file, in_memory = header["p_filesz"], header["p_memsz"]
        total += in_memory
        if in_file > in_memory or total > MAX_MEMORY:
            raise ELFError(f"a segment of {in_file} bytes in the file and {in_memory} in memory")
        check(header["p_paddr"], in_memory)
        elf.stream.seek(header["p_offset"])
        data = elf.stream.read(in_file)
        if len(data) < in_file:
            raise ELFError(f"the file ends {in_file - len(data)} bytes before its segment does")
        if in_memory:
            yield header["p_paddr"], data + bytes(in_memory - in_file)


def variant_of(image: Image, info: ArchInfo) -> str | None:
    """The variant of ``info`` that an ELF image is for; None if it is for none of them."""
    for match in info.elf:
        if (match.machine, match.bits) == (image.machine, image.bits):
            return match.variant
    return None


def combine(images: tuple[Image, ...], entry: int | None) -> LoadedImages:
    """Several images as one start: the entry is ``entry``, else the first ELF's, else the first byte
    of the first raw image.
    """
    entries = [image.entry for image in images if image.entry is not None]
    if entry is None:
        entry = entries[0] if entries else images[0].segments[0][0]
    segments = tuple(segment for image in images for segment in image.segments)
    return LoadedImages(segments, entry, next((image for image in images if image.machine), None))
