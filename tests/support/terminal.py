"""A program on a terminal of its own, for what only happens there: Ctrl-C, progress, colours."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from tests.support.serve import LIMIT, clean_environment

CTRL_C, CTRL_U, TAB = "\x03", "\x15", "\t"


class Terminal:
    """What a user does and sees."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.seen = ""
        """Everything so far."""
        self._master = master
        self._read_to = 0

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def wait_for(self, *texts: str) -> str:
        """Wait until all of ``texts`` are shown, in any order; what has been shown since the last wait."""
        deadline = time.monotonic() + LIMIT
        end = self._read_to
        for text in texts:
            while (at := self.seen.find(text, self._read_to)) < 0:
                if not self._read(deadline):
                    raise AssertionError(f"no {text!r} on the terminal:\n{self.seen}")
            end = max(end, at + len(text))
        shown, self._read_to = self.seen[self._read_to : end], end
        return shown

    def press_until(self, key: str, text: str) -> str:
        """Press a key, once a second, until ``text`` is shown: a program may not be ready for the first."""
        deadline = time.monotonic() + LIMIT
        while text not in self.seen[self._read_to :] and time.monotonic() < deadline:
            self.type(key)
            second = min(time.monotonic() + 1, deadline)
            while text not in self.seen[self._read_to :] and self._read(second):
                pass
        return self.wait_for(text)

    def wait(self) -> int:
        """The exit status, once the program has ended and all it said is seen."""
        deadline = time.monotonic() + LIMIT
        while self._read(deadline):
            pass
        return self.process.wait(LIMIT)

    def _read(self, deadline: float) -> bool:
        if not select.select([self._master], [], [], max(deadline - time.monotonic(), 0))[0]:
            return False
        data = b""
        with suppress(OSError):  # EIO: nobody has the other end any more (pty(7))
            data = os.read(self._master, 1 << 16)
        self.seen += data.decode(errors="replace")
        return bool(data)


@contextmanager
def on_terminal(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    """Run a command on a terminal; it and what it started are gone when the block is left."""
    master, slave = pty.openpty()
    given = {"TERM": "xterm", "COLUMNS": "120", "LC_ALL": "C.UTF-8", "INPUTRC": "/dev/null"}
    try:
        process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=clean_environment() | given | dict(environment or {}),
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
    finally:
        os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        os.close(master)  # the terminal's processes get SIGHUP
        with suppress(subprocess.TimeoutExpired):
            process.wait(LIMIT)
        process.kill()
        process.wait(LIMIT)
