"""What a machine boots: Debian's kernel, and one file system with this very Python, kvmgdb and its tests."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.kvmlab import initramfs, kernel, python
from tests.kvmlab.cpio import Archive
from tests.kvmlab.machine import Job
from tests.kvmlab.packages import Packages
from tests.kvmlab.reporter import VARIABLE
from tests.support import patience

REPOSITORY = Path(__file__).parents[2]
MODULES = ("kvm-intel", "kvm-amd")
SOURCES = ("kvmgdb", "plugins", "pyproject.toml", "tests/kvm", "tests/support", "tests/kvmlab")
DISTRIBUTIONS = ("kvmgdb", "pytest")
NOT_ON_KVM = ("unicorn", "capstone")
ONLY_TO_SERVE = ("pydantic", "PyYAML", "rich", "typer")
"""What kvmgdb needs only for ``serve``: 30 MB that a machine without gdb does not load."""

GDB = "gdb-multiarch"
_GDBS_PYTHON = Path("/usr/lib/python3.11")
_GDBS_DATA = Path("/usr/share/gdb")


@dataclass(frozen=True, slots=True)
class Files:
    """What a machine boots."""

    kernel: Path
    """A bzImage."""
    initramfs: Path
    """A cpio archive, not packed."""


def pytest_command(job: Job) -> tuple[str, ...]:
    """The job's tests of tests/kvm, with every result told."""
    return (
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.kvmlab.reporter"),
        *("--confcutdir=tests/kvm", "tests/kvm"),
        *(() if job.gdb else ("-m", "not gdb")),
        *job.options,
    )


def build(job: Job) -> Files:
    """Make it in the job's folder.

    Raises:
        LabError: a package, a module of the kernel or a library is missing.
    """
    packages = Packages()
    package = packages.unpacked(packages.newest(kernel.PATTERN["amd64"]))
    busybox = packages.unpacked("busybox-static") / "bin/busybox"
    image, modules = kernel.image_and_modules(package)
    files = Files(image, job.folder / "initramfs")
    with files.initramfs.open("wb") as out:
        archive = Archive(out)
        order = initramfs.add_modules(archive, modules, MODULES)
        python.add_interpreter(archive)
        python.add_distributions(
            archive, DISTRIBUTIONS, NOT_ON_KVM if job.gdb else NOT_ON_KVM + ONLY_TO_SERVE
        )
        python.add_sources(archive, REPOSITORY, SOURCES)
        if job.gdb:
            _add_gdb(archive)
        initramfs.add_init(archive, busybox, order, REPOSITORY, pytest_command(job), _variables(job))
        archive.close()
    return files


def _variables(job: Job) -> dict[str, str]:
    return {
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PATH": "/bin:/usr/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "TERM": "dumb",
        patience.VARIABLE: str(job.patience),
        VARIABLE: initramfs.RESULTS,
    }


def _add_gdb(archive: Archive) -> None:
    """The host's gdb, what it is linked to, and the modules of the Python in it."""
    program = Path(shutil.which(GDB) or GDB)
    archive.copy(str(program), program)
    python.add_libraries(archive, [program])
    for tree in (_GDBS_DATA, _GDBS_PYTHON):
        archive.copy_tree(str(tree), tree, skip=_is_unused)


def _is_unused(path: Path) -> bool:
    return path.name in ("test", "lib-dynload", "dist-packages") or path.suffix == ".pyc"
