"""Bochs 2.7 with Intel's virtualization: slow, and whole.  The reference for what KVM should do.

Its clock is its own: so many instructions are a second.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from tests.kvmlab import direct_boot, image
from tests.kvmlab.kernel import vmlinux
from tests.kvmlab.machine import KERNEL_ARGUMENTS, Command, Job, Machine
from tests.kvmlab.packages import Packages, program_of

PACKAGES = ("bochs-term", "bochsbios", "vgabios")
MEGABYTES = 768

_NOT_LEFT = (
    "test_running.py::test_a_guest_that_spins_with_interrupts_off_is_left",
    "test_wake_ups.py::test_a_handler_that_never_ends_can_be_left",
    "test_wake_ups.py::test_ctrl_c_ends_a_step_whose_handler_never_ends",
)
"""Guests that spin with their interrupts off, as handlers do.  Bochs keeps external interrupts pending while
such a guest runs; a processor leaves the guest for them (SDM vol. 3, "External-interrupt exiting")."""

_CONFIG = """\
megs: {megabytes}
romimage: file={share}/bochs/BIOS-bochs-latest
vgaromimage: file={share}/vgabios/vgabios.bin
ata0-master: type=disk, path={folder}/disk, mode=flat
boot: disk
cpu: model=corei7_skylake_x, count=1, ips=100000000, ignore_bad_msrs=1
clock: sync=none
com1: enabled=1, mode=file, dev={console}
com2: enabled=1, mode=file, dev={results}
display_library: term
log: {folder}/bochs.log
panic: action=fatal
"""


def command(job: Job) -> Command:
    """Bochs from Debian's packages, with everything it boots."""
    root = Packages().root(*PACKAGES)
    files = image.build(job)
    elf = vmlinux(files.kernel, job.folder / "vmlinux")
    disk, memory = job.folder / "disk", MEGABYTES << 20
    disk.with_name("disk.lock").unlink(missing_ok=True)  # of a run that was killed
    direct_boot.make_disk(disk, files.kernel, elf, files.initramfs, KERNEL_ARGUMENTS, memory)
    config, commands = job.folder / "bochsrc", job.folder / "commands"
    config.write_text(
        _CONFIG.format(
            megabytes=MEGABYTES,
            share=root / "usr/share",
            folder=job.folder,
            console=job.console,
            results=job.results,
        )
    )
    commands.write_text("c\n")
    environment = {
        "BXSHARE": str(root / "usr/share/bochs"),
        "LTDL_LIBRARY_PATH": str(root / "usr/lib/x86_64-linux-gnu/bochs/plugins"),
        "TERM": "xterm",
    }
    program = program_of(root, "usr/bin/bochs-bin")
    words = (*program, "-q", "-f", str(config), "-rc", str(commands))
    return Command(words, environment, on_poll=_Screen(job.log).read)


class _Screen:
    """The terminal that Bochs opens for the guest's screen: it stands still when nobody reads there."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._terminal: int | None = None

    def read(self) -> None:
        """Read what there is, for nobody."""
        if self._terminal is None:
            found = re.search(r'connected to screen "([^"]+)"', self._log.read_text(errors="replace"))
            if found is None:
                return
            self._terminal = os.open(found[1], os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        with contextlib.suppress(OSError):  # nothing there, or Bochs is gone
            os.read(self._terminal, 1 << 16)


BOCHS = Machine(
    "bochs",
    "Bochs",
    whole=True,
    limit=1800,
    command=command,
    gdb=False,
    patience=10,
    # To show values, pytest compiles every test anew: minutes.
    options=("--assert=plain", *(f"--deselect=tests/kvm/{name}" for name in _NOT_LEFT)),
    note="gdb is not run in Bochs: each test would start one, and that takes minutes there; nor are "
    f"{', '.join(_NOT_LEFT)}: no interrupt of the host's ends such a run there",
)
