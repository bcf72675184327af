"""``python -m kvmgdb.lab.leash PROGRAM ...``: a process that ends when the lab does.

A lab that is killed cannot end what it has started.  So each of its processes asks the kernel for a signal
when the thread that started it is gone (prctl(2), PR_SET_PDEATHSIG), which also holds across execve(2):
SIGTERM for kvmgdb, which then closes its socket, SIGKILL for all others.  Guests and their memory, being part
of their process, go with it.  What is left nonetheless is for the :mod:`~kvmgdb.lab.janitor`.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
KVMGDB = "kvmgdb"
"""As a program: this one, without a second start of Python."""


def leashed(words: Sequence[str]) -> list[str]:
    """The command line that runs ``words`` on the leash of the calling thread."""
    return [sys.executable, "-m", "kvmgdb.lab.leash", *words]


def main() -> None:
    """Become the program."""
    words = sys.argv[1:]
    parent = os.getppid()
    last = signal.SIGTERM if words[0] == KVMGDB else signal.SIGKILL
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, last)
    if os.getppid() != parent:  # it has ended in between
        sys.exit(1)
    if words[0] != KVMGDB:
        os.execvp(words[0], words)  # noqa: S606 - no shell, and the lab's own words
    sys.argv = words
    runpy.run_module(KVMGDB, run_name="__main__")


if __name__ == "__main__":
    main()
