"""``python -m kvmgdb.lab.leash PROGRAM ...``: a process that ends when the lab does.

A lab that is killed cannot end what it has started, so each of its processes is a child that does not
outlive its parent (:mod:`kvmgdb.children`).  Guests, with their memory or their QEMU, go with their process.
"""

from __future__ import annotations

import os
import runpy
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
    end_with_parent(os.getppid())
    words = sys.argv[1:]
    if words[0] != KVMGDB:
        os.execvp(words[0], words)  # noqa: S606 - no shell, and the lab's own words
    sys.argv = words
    runpy.run_module(KVMGDB, run_name="__main__")


if __name__ == "__main__":
    main()
