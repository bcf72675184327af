"""The shared libraries a program needs, of any architecture: read from the ELF files, nothing is run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

from tests.kvmlab.cache import LabError

HOST_FOLDERS = tuple(
    Path(folder)
    for folder in (
        "/lib/x86_64-linux-gnu",
        "/usr/lib/x86_64-linux-gnu",
        "/lib64",
        "/usr/lib64",
        "/lib",
        "/usr/lib",
        "/usr/local/lib",
    )
)
"""Where an x86 host keeps them."""


@dataclass(frozen=True, slots=True)
class _Needs:
    """What one ELF file asks of the dynamic linker."""

    interpreter: str
    names: tuple[str, ...]
    folders: tuple[Path, ...]


def libraries(programs: Iterable[Path], folders: tuple[Path, ...] = HOST_FOLDERS) -> list[Path]:
    """Every library that ``programs`` need, and the dynamic linker, by the paths they are looked up at.

    Raises:
        LabError: one is in none of ``folders`` nor where the program itself says.
    """
    found: dict[str, Path] = {}
    waiting = [program.resolve() for program in programs]
    while waiting:
        file = waiting.pop()
        needs = _read(file)
        if needs is None:
            continue
        if needs.interpreter:
            found.setdefault(needs.interpreter, Path(needs.interpreter))
        for name in needs.names:
            if name not in found:
                found[name] = _look_up(name, (*needs.folders, *folders), file)
                waiting.append(found[name])
    return sorted(set(found.values()))


def _look_up(name: str, folders: Iterable[Path], wanted_by: Path) -> Path:
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    raise LabError(f"the library {name}, which {wanted_by} needs, is not on this host")


def _read(file: Path) -> _Needs | None:
    """None for what is no ELF file, or asks for nothing."""
    with file.open("rb") as stream:
        if stream.read(4) != b"\x7fELF":
            return None
        elf = ELFFile(stream)
        dynamic = next((s for s in elf.iter_sections() if isinstance(s, DynamicSection)), None)
        if dynamic is None:
            return None
        interpreter = elf.get_section_by_name(".interp")
        tags = list(dynamic.iter_tags())
        names = tuple(_texts(tags, "needed"))
        folders = tuple(_folders([*_texts(tags, "runpath"), *_texts(tags, "rpath")], file))
        linker = interpreter.data().rstrip(b"\0").decode() if interpreter is not None else ""
    return _Needs(linker, names, folders)


def _texts(tags: Iterable[object], attribute: str) -> Iterator[str]:
    """What the tags of one kind say."""
    return (getattr(tag, attribute) for tag in tags if hasattr(tag, attribute))


def _folders(paths: Iterable[str], file: Path) -> Iterator[Path]:
    for path in paths:
        for folder in path.split(":"):
            if folder:
                expanded = folder.replace("$ORIGIN", str(file.parent)).replace("${ORIGIN}", str(file.parent))
                yield Path(os.path.normpath(expanded))
