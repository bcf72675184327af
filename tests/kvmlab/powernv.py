"""A POWER9 without a hypervisor (``-M powernv9``) in a newer QEMU than Debian 12's: PowerPC's KVM, by kvm-hv.

QEMU 7.2 delivers the breakpoint instruction of the host's debugger to the guest; 10.0 lets KVM have it.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from tests.kvmlab import initramfs, kernel, python
from tests.kvmlab.cache import LabError
from tests.kvmlab.cpio import Archive
from tests.kvmlab.image import NOT_ON_KVM, ONLY_TO_SERVE, REPOSITORY
from tests.kvmlab.machine import Command, Job, Machine
from tests.kvmlab.packages import BOOKWORM, Packages, Suite, program_of
from tests.kvmlab.reporter import VARIABLE

BACKPORTS = Suite("bookworm-backports")
EMULATOR = tuple(f"qemu-system-{part}/{BACKPORTS.name}" for part in ("ppc", "common", "data"))
PROGRAM = "usr/bin/qemu-system-ppc64"
MEMORY = 2048
"""Megabytes."""
CONSOLE = "/dev/hvc0"
"""The firmware has just this one: the kernel and the tests' output must not write to it meanwhile."""
SOURCES = ("kvmgdb", "plugins", "pyproject.toml", "tests/kvm_ppc", "tests/support", "tests/kvmlab")
_SHELL = "dmesg -n 1; {command} >/tmp/output 2>&1; status=$?; cat /tmp/output; exit $status"


def pytest_command(job: Job) -> str:
    """The job's tests of tests/kvm_ppc, with every result told."""
    words = (
        *("/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.kvmlab.reporter"),
        *("--confcutdir=tests/kvm_ppc", "tests/kvm_ppc"),
        *job.options,
    )
    return shlex.join(words)


def command(job: Job) -> Command:
    """QEMU with its console a file."""
    root = Packages("amd64", (*BOOKWORM, BACKPORTS)).root(*EMULATOR)
    image = _build(job)
    data = root / "usr/share/qemu"
    words = (
        *program_of(root, PROGRAM),
        *("-L", str(data), "-bios", str(data / "skiboot.lid")),
        *("-M", "powernv9", "-accel", "tcg", "-cpu", "POWER9", "-smp", "1", "-m", str(MEMORY)),
        *("-nodefaults", "-display", "none", "-no-reboot"),
        *("-kernel", str(image), "-initrd", str(job.folder / "initramfs")),
        *("-append", "console=hvc0 panic=-1 quiet"),
        *("-serial", f"file:{job.results}"),
    )
    return Command(words)


def _build(job: Job) -> Path:
    """The file system; the kernel's image."""
    debian = Packages("ppc64el", (BOOKWORM[0],))
    image, modules = kernel.image_and_modules(debian.unpacked(debian.newest(kernel.PATTERN["ppc64el"])))
    root = debian.root("python3-minimal", "libpython3-stdlib")
    _check_version(root)
    with (job.folder / "initramfs").open("wb") as out:
        archive = Archive(out)
        order = initramfs.add_modules(archive, modules, ("kvm-hv",))
        for tree in ("usr/bin", "usr/lib", "lib", "lib64"):
            if (root / tree).exists():
                archive.copy_tree(f"/{tree}", root / tree, skip=_is_unused)
        python.add_distributions(archive, ("kvmgdb", "pytest"), NOT_ON_KVM + ONLY_TO_SERVE)
        python.add_sources(archive, REPOSITORY, SOURCES)
        shell = ("/bin/sh", "-c", _SHELL.format(command=pytest_command(job)))
        busybox = debian.unpacked("busybox-static") / "bin/busybox"
        initramfs.add_init(archive, busybox, order, REPOSITORY, shell, _variables(), CONSOLE)
        archive.close()
    return image


def _check_version(root: Path) -> None:
    """Modules are compiled by this Python, for that one."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not (root / "usr/lib" / name).exists():
        [found] = [path.name for path in (root / "usr/lib").glob("python3.*")]
        raise LabError(f"the machine has {found}, and this is {name}: make the environment with {found}")


def _is_unused(path: Path) -> bool:
    return path.name in ("gconv", "lib2to3", "pydoc_data", "__pycache__", "perl5", "perl-base")


def _variables() -> dict[str, str]:
    paths = (REPOSITORY, REPOSITORY / "plugins/x86", REPOSITORY / "plugins/ppc", *python.site_packages())
    return {
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PATH": "/bin:/usr/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": ":".join(map(str, paths)),
        VARIABLE: CONSOLE,
    }


POWERNV = Machine(
    *("power9", "POWER9 in QEMU"),
    whole=False,
    limit=1200,
    command=command,
    gdb=False,
    note="gdb is not run there",
)
