"""Bochs 2.7 with Intel's virtualization: slow, and whole.  The reference for what KVM should do.

It boots from a CD image.  Its clock is its own: so many instructions are a second.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

from tests.kvmlab import image
from tests.kvmlab.cache import LabError
from tests.kvmlab.image import Files
from tests.kvmlab.machine import KERNEL_ARGUMENTS, Command, Job, Machine
from tests.kvmlab.packages import Packages, program_of

PACKAGES = ("bochs-term", "bochsbios", "vgabios", "isolinux", "syslinux-common", "genisoimage")

_CONFIG = """\
megs: 512
romimage: file={share}/bochs/BIOS-bochs-latest
vgaromimage: file={share}/vgabios/vgabios.bin
ata0-master: type=cdrom, path={folder}/boot.iso, status=inserted
boot: cdrom
cpu: model=corei7_skylake_x, count=1, ips=100000000, ignore_bad_msrs=1
clock: sync=none
com1: enabled=1, mode=file, dev={console}
com2: enabled=1, mode=file, dev={results}
display_library: term
log: {folder}/bochs.log
panic: action=fatal
"""

_ISOLINUX = """\
default lab
prompt 0
timeout 1
label lab
 kernel /vmlinuz
 append initrd=/initrd.gz {arguments}
"""


def command(job: Job) -> Command:
    """Bochs from Debian's packages, with a CD image to boot."""
    root = Packages().root(*PACKAGES)
    _make_cd(root, image.build(job), job.folder)
    config, commands = job.folder / "bochsrc", job.folder / "commands"
    config.write_text(
        _CONFIG.format(share=root / "usr/share", folder=job.folder, console=job.console, results=job.results)
    )
    commands.write_text("c\n")
    environment = {
        "BXSHARE": str(root / "usr/share/bochs"),
        "LTDL_LIBRARY_PATH": str(root / "usr/lib/x86_64-linux-gnu/bochs/plugins"),
        "TERM": "xterm",
    }
    program = program_of(root, "usr/bin/bochs-bin")
    return Command((*program, "-q", "-f", str(config), "-rc", str(commands)), environment)


def _make_cd(root: Path, files: Files, folder: Path) -> None:
    """A CD image that boots by isolinux."""
    cd = folder / "cd"
    cd.mkdir(exist_ok=True)
    shutil.copy(files.kernel, cd / "vmlinuz")
    with files.initramfs.open("rb") as plain, gzip.open(cd / "initrd.gz", "wb", compresslevel=6) as packed:
        shutil.copyfileobj(plain, packed)
    shutil.copy(root / "usr/lib/ISOLINUX/isolinux.bin", cd)
    shutil.copy(root / "usr/lib/syslinux/modules/bios/ldlinux.c32", cd)
    (cd / "isolinux.cfg").write_text(_ISOLINUX.format(arguments=KERNEL_ARGUMENTS))
    words = (
        *(*program_of(root, "usr/bin/genisoimage"), "-quiet", "-rational-rock", "-no-emul-boot"),
        *("-boot-load-size", "4", "-boot-info-table", "-eltorito-boot", "isolinux.bin"),
        *("-eltorito-catalog", "boot.cat", "-output", str(folder / "boot.iso"), str(cd)),
    )
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"genisoimage: {done.stderr.strip()}")


BOCHS = Machine(
    "bochs",
    "Bochs",
    whole=True,
    limit=1800,
    command=command,
    gdb=False,
    note="gdb is not run in Bochs: each test would start one, and that takes minutes there",
)
