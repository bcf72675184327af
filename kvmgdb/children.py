"""Child processes that do not outlive us.

Who is killed cannot end what it has started, so a child asks the kernel for a signal when the thread that
started it is gone (prctl(2), PR_SET_PDEATHSIG); that also holds across execve(2).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def end_with_parent(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Called in the child, whose parent is the process ``parent``."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:  # it has ended in between
        sys.exit(1)
