"""The file system a test machine boots into: busybox, kernel modules, an init that runs one command."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.kvmlab.cache import LabError
from tests.kvmlab.cpio import Archive

RESULTS = "/dev/ttyS1"
"""The second serial port: lines of JSON (:mod:`tests.kvmlab.results`), nothing else."""

_INIT = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/shm /tmp /root; mount -t tmpfs shm /dev/shm; ip link set lo up
stty -F {results} raw
cd /modules && for module in {modules}; do insmod $module.ko; done 2>/dev/null
export {variables}
cd {folder}
{command} </dev/null || echo '{{"event": "end", "status": '$?'}}' >{results}
poweroff -f
"""


def add_modules(archive: Archive, kernel: Path, names: Sequence[str]) -> list[str]:
    """Kernel modules with all they depend on; the order in which they must be loaded.

    ``names`` are file names without ``.ko``.
    """
    files = {file.name.removesuffix(".ko"): file for file in kernel.rglob("*.ko")}
    order: list[str] = []
    for name in names:
        _place(name, files, order)
    for name in order:
        archive.copy(f"/modules/{name}.ko", files[name])
    return order


def _place(name: str, files: Mapping[str, Path], order: list[str]) -> None:
    if name in order:
        return
    if name not in files:
        raise LabError(f"the kernel's package has no module {name}")
    known = {file.replace("-", "_"): file for file in files}
    depends = re.search(rb"\0depends=([\w,]*)\0", files[name].read_bytes())
    for needed in filter(None, depends[1].decode().split(",") if depends else ()):
        if needed.replace("-", "_") in known:
            _place(known[needed.replace("-", "_")], files, order)
    order.append(name)


def add_init(
    archive: Archive,
    busybox: Path,
    modules: Sequence[str],
    folder: Path,
    command: Sequence[str],
    variables: Mapping[str, str],
    results: str = RESULTS,
) -> None:
    """An init that loads ``modules``, runs ``command`` in ``folder``, says how it ended, and powers off."""
    archive.copy("/bin/busybox", busybox)
    for empty in ("/proc", "/sys", "/dev"):
        archive.folder(empty)
    archive.device("/dev/console", 5, 1)
    script = _INIT.format(
        results=results,
        modules=" ".join(modules),
        variables=" ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items()),
        folder=shlex.quote(str(folder)),
        command=shlex.join(command),
    )
    archive.file("/init", script.encode(), executable=True)
