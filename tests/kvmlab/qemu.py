"""QEMU's own processor (TCG) with AMD's virtualization: the quick machine, and a partial one.

QEMU 7.2 does not intercept INT3 and INT1 and does not load DR7 for the guest.
"""

from __future__ import annotations

import shutil

from tests.kvmlab import image, packages
from tests.kvmlab.cache import LabError
from tests.kvmlab.kernel import vmlinux
from tests.kvmlab.machine import KERNEL_ARGUMENTS, Command, Job, Machine

PROGRAM = "qemu-system-x86_64"
MEMORY = 1024
"""Megabytes."""


def lacking() -> str:
    """What this host lacks for it; empty if nothing."""
    found = shutil.which(PROGRAM)
    return packages.lacking() if found else f"{PROGRAM} is not installed: apt-get install qemu-system-x86"


def command(job: Job) -> Command:
    """QEMU with two serial ports that are files."""
    if problem := lacking():
        raise LabError(problem)
    files = image.build(job)
    words = (
        *(PROGRAM, "-accel", "tcg", "-cpu", "max", "-m", str(MEMORY)),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-kernel", str(vmlinux(files.kernel, job.folder / "vmlinux"))),
        *("-initrd", str(files.initramfs), "-append", KERNEL_ARGUMENTS),
        *("-serial", f"file:{job.console}", "-serial", f"file:{job.results}"),
    )
    return Command(words)


QEMU = Machine("qemu", "QEMU TCG", whole=False, limit=1200, command=command)
