"""``python -m kvmgdb.lab.leash PROGRAM ...``: a process that ends when the lab does.

A lab that is killed cannot end what it has started, so each of its processes is a child that does not
outlive its parent (:mod:`kvmgdb.children`): it gets SIGTERM if it is kvmgdb, which then closes its
socket, and SIGKILL if not.  Guests, with their memory or their QEMU, go with their process.  What is left
nonetheless is for the :mod:`~kvmgdb.lab.janitor`.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Sequence

from kvmgdb.children import end_with_parent

KVMGDB = "kvmgdb"
"""As a program: this one, without a second start of Python."""


def leashed(words: Sequence[str]) -> list[str]:
    """The command line that runs ``words`` on the leash of the calling thread."""
    return [sys.executable, "-m", "kvmgdb.lab.leash", *words]


def main() -> None:
    """Become the program."""
    words = sys.argv[1:]
    end_with_parent(os.getppid(), signal.SIGTERM if words[0] == KVMGDB else signal.SIGKILL)
    if words[0] != KVMGDB:
        os.execvp(words[0], words)  # noqa: S606 - no shell, and the lab's own words
    sys.argv = words
    runpy.run_module(KVMGDB, run_name="__main__")


if __name__ == "__main__":
    main()
