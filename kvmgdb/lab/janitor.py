"""What cleans up behind a lab that is killed and can no longer do so itself.

A process that waits for the lab's end of a pipe to close, which the kernel sees to however the lab ends.
What the lab has told it of and not taken back is then removed: processes with all they have started, and
folders.
It is run as a file by itself, and imports nothing of kvmgdb, so that it is there after some milliseconds.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable

GRACE = 3.0
"""Seconds a server has from SIGTERM, which its leash sends, to close its socket and to end."""
PERIOD = 0.05


class Janitor:
    """The lab's side of it."""

    def __init__(self) -> None:
        words = [sys.executable, "-I", "-S", __file__]
        nowhere = subprocess.DEVNULL
        self._process = subprocess.Popen(  # noqa: S603 - this very file
            words, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, start_new_session=True
        )

    def group(self, pid: int, *, lives: bool) -> None:
        """There is a group of processes of this number, or there is no more."""
        self._tell("group", pid, lives)

    def folder(self, name: str, *, exists: bool) -> None:
        """There is a folder to remove, or there is no more."""
        self._tell("folder", name, exists)

    def _tell(self, *news: object) -> None:
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101 - it was started so
        try:
            pipe.write(json.dumps(news).encode() + b"\n")
            pipe.flush()
        except BrokenPipeError:  # somebody has killed it: what it is for has not happened
            return


def _groups_left(groups: Iterable[int], number: int) -> list[int]:
    left = []
    for group in groups:
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            continue
        left.append(group)
    return left


def main() -> None:
    """Listen until the lab is gone, and remove what it has left."""
    known: dict[str, dict[object, None]] = {"group": {}, "folder": {}}
    for line in sys.stdin.buffer:
        kind, what, there = json.loads(line)
        if there:
            known[kind][what] = None
        else:
            known[kind].pop(what, None)
    groups = [int(str(group)) for group in known["group"]]
    deadline = time.monotonic() + GRACE
    while (groups := _groups_left(groups, 0)) and time.monotonic() < deadline:
        time.sleep(PERIOD)
    _groups_left(groups, signal.SIGKILL)
    for folder in known["folder"]:
        shutil.rmtree(str(folder), ignore_errors=True)


if __name__ == "__main__":
    main()
