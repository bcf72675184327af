"""``python -m tests.kvmlab.newer_gdb``: tests/gdb with a newer gdb than this host's.

gdb and all it needs come from Debian 13 and are kept in the lab's cache; they run with their own C library.
Arguments are pytest's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.kvmlab.cache import LabError
from tests.kvmlab.packages import Packages, Suite
from tests.support.gdb import GDB

TRIXIE = (Suite("trixie"),)

# Python's home is for gdb alone: what it starts has a Python of its own.
_SCRIPT = """\
#!/bin/sh
PYTHONHOME={root}/usr exec {root}/usr/lib64/ld-linux-x86-64.so.2 \\
  --library-path {root}/usr/lib/x86_64-linux-gnu {root}/usr/bin/{gdb} --data-directory={root}/usr/share/gdb \\
  -iex 'python import os; os.environ.pop("PYTHONHOME", None)' "$@"
"""


def folder() -> Path:
    """A folder to put first in PATH: the newer gdb is in it, under the name of the one that tests drive.

    Raises:
        LabError: it cannot be had; the text says why.
    """
    root = Packages(suites=TRIXIE).root(GDB)
    programs = root.with_name(f"{root.name}.bin")
    programs.mkdir(exist_ok=True)
    script = programs / GDB
    script.write_text(_SCRIPT.format(root=root, gdb=GDB))
    script.chmod(0o755)
    return programs


def main() -> None:
    """Run pytest; its status."""
    try:
        path = f"{folder()}:{os.environ.get('PATH', os.defpath)}"
    except LabError as problem:
        sys.exit(str(problem))
    arguments = sys.argv[1:] or ["-n", "auto", "tests/gdb"]
    command = [sys.executable, "-m", "pytest", *arguments]
    sys.exit(subprocess.run(command, env=dict(os.environ) | {"PATH": path}, check=False).returncode)


if __name__ == "__main__":
    main()
