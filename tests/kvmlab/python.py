"""The running Python and some of its distributions, packed for a guest: each file where it is on the host.

So paths in scripts, in ``pyvenv.cfg`` and in libraries hold.  Modules are compiled here: a guest on an
emulated processor would take minutes for it.
"""

from __future__ import annotations

import importlib.util
import marshal
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution
from pathlib import Path

from tests.kvmlab.cpio import Archive
from tests.kvmlab.libraries import libraries

_UNCHECKED_HASH = b"\1\0\0\0"
"""Flags of a ``.pyc`` that is taken as it is (PEP 552): files in the guest have no meaningful times."""

_NO_USE = re.compile(
    r"__pycache__|site-packages|dist-packages|tests?|idlelib|tkinter|lib2to3|ensurepip|turtledemo|pydoc_data"
    r"|config-\d.*|.*\.(a|exe|pyi|h|pdf)"
    r"|(_tkinter|_test|_ctypes_test|_xx|xx|_ssl|_hashlib|_sqlite3|_curses|readline|_gdbm|_dbm|nis|_crypt).*\.so"
)
"""Files and folders of the standard library, and of distributions, that no test of ours needs."""


def add_interpreter(archive: Archive) -> None:
    """The interpreter that runs this, its standard library, and the virtual environment's way to it."""
    executable = Path(sys.executable)
    while executable.is_symlink():
        archive.link(str(executable), str(executable.readlink()))
        executable = executable.parent / executable.readlink()
    archive.copy(str(executable), executable)
    config = Path(sys.prefix) / "pyvenv.cfg"
    if config.exists():
        archive.copy(str(config), config)
    standard = Path(sysconfig.get_path("stdlib"))
    files = list(_files(standard))
    _add(archive, files)
    add_libraries(archive, [executable, *(file for file in files if file.suffix == ".so")])


def add_distributions(archive: Archive, names: Iterable[str], without: Iterable[str] = ()) -> None:
    """Installed distributions with all they require, but not those in ``without``."""
    for found in _closure(names, frozenset(without)):
        files = [Path(str(found.locate_file(file))) for file in found.files or ()]
        wanted = [file for file in files if _is_wanted(file)]
        _add(archive, wanted)
        add_libraries(archive, [file for file in wanted if ".so" in file.suffixes])


def site_packages() -> list[str]:
    """The folders that distributions are in."""
    return sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


def _is_wanted(file: Path) -> bool:
    """Not a script outside the distribution's folder, and not for building or testing it."""
    return ".." not in file.parts and not any(map(_NO_USE.fullmatch, _inner(file))) and file.exists()


def add_sources(archive: Archive, folder: Path, names: Iterable[str]) -> None:
    """Files and folders of a project, with their sources, compiled beside them."""
    for name in names:
        top = folder / name
        for file in _files(top) if top.is_dir() else (top,):
            archive.copy(str(file), file)
            if file.suffix == ".py":
                archive.file(importlib.util.cache_from_source(str(file)), _compiled(file))


def add_libraries(archive: Archive, programs: Iterable[Path]) -> None:
    """What ``programs`` are linked to."""
    for path in libraries(programs):
        archive.copy(str(path), path)


def _add(archive: Archive, files: Iterable[Path]) -> None:
    """Modules compiled and without their sources; everything else as it is."""
    for file in files:
        if file.suffix == ".py":
            archive.file(f"{file}c", _compiled(file))
        else:
            archive.copy(str(file), file)


def _files(folder: Path) -> Iterator[Path]:
    for item in sorted(folder.iterdir()):
        if _NO_USE.fullmatch(item.name):
            continue
        if item.is_dir():
            yield from _files(item)
        else:
            yield item


def _inner(file: Path) -> tuple[str, ...]:
    """The parts of a path below its ``site-packages``."""
    parts = file.parts
    known = [n for n, part in enumerate(parts) if part in ("site-packages", "dist-packages")]
    return parts[known[-1] + 1 :] if known else parts[-1:]


def _compiled(file: Path) -> bytes:
    source = file.read_bytes()
    code = compile(source, str(file), "exec", dont_inherit=True)
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    return header + marshal.dumps(code)


def _closure(names: Iterable[str], without: frozenset[str]) -> list[Distribution]:
    """What is installed of ``names`` and of what they require."""
    known: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        found = _installed(name)
        if name in known or name in without or found is None:
            continue  # what is not installed is for another Python or system
        known[name] = found
        always = (text for text in found.requires or () if "extra ==" not in text)
        waiting.extend(re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in always)
    return list(known.values())


def _installed(name: str) -> Distribution | None:
    """Only where packages are installed: a build leaves an ``egg-info`` beside the sources, which looks like
    a distribution and does not know the files of an editable one.
    """
    return next(iter(Distribution.discover(name=name, path=site_packages())), None)
