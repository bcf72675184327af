"""A real gdb for a test: commands in, what it says to each of them out."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.guests import SampleGuest
from tests.support.serve import LIMIT, clean_environment

GDB = "gdb-multiarch"

_SETTINGS = (
    "set confirm off",
    "set pagination off",
    "set width 0",
    f"set tcp connect-timeout {LIMIT / 4:.0f}",
    # gdb answers everything else at once, so a wait of its own is a fault of the server's.
    f"set remotetimeout {LIMIT / 2:.0f}",
)


def gdb_path() -> str:
    """Where gdb is; a failure that says what to install where there is none."""
    found = shutil.which(GDB)
    if found is None:
        pytest.fail(f"{GDB} is not installed, and these tests drive it: apt-get install {GDB}", pytrace=False)
    return found


class Gdb:
    """One gdb, reading commands from a pipe."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._count = 0
        self._unread = b""
        self.transcript: list[str] = []
        """Everything asked and answered, for the message of a failure."""

    def run(self, command: str) -> str:
        """Execute one command; everything gdb says to it."""
        self.start(command)
        return self.finish()

    def script(self, *commands: str) -> str:
        """Execute several commands; everything gdb says to the last."""
        answer = ""
        for command in commands:
            answer = self.run(command)
        return answer

    def run_to(self, location: str) -> str:
        """Run until ``location`` is reached."""
        return self.script(f"tbreak {location}", "continue")

    def start(self, command: str) -> None:
        """Give a command that will not end by itself, such as a ``continue`` to interrupt."""
        assert self.process.stdin is not None
        self._count += 1
        self.transcript.append(f"(gdb) {command}")
        self.process.stdin.write(f"{command}\necho {self._mark()}\\n\n".encode())
        self.process.stdin.flush()

    def finish(self) -> str:
        """Wait for the end of the command given last; everything gdb has said to it."""
        return self._read_to(f"{self._mark()}\n".encode())

    def wait_for(self, text: str) -> str:
        """Wait until gdb says ``text``; what it has said up to there."""
        return self._read_to(text.encode())

    def interrupt(self) -> str:
        """Press Ctrl-C, and wait for the command given last to end."""
        self.process.send_signal(signal.SIGINT)
        return self.finish()

    def interrupt_after(self, command: str) -> str:
        """Give a resuming command, and press Ctrl-C at once: at whatever stage gdb is by then."""
        self.start(command)
        self.wait_for("Continuing.")
        return self.interrupt()

    def value(self, expression: str) -> str:
        """What ``print`` shows of an expression, without the history number."""
        return self.run(f"output {expression}").strip()

    def number(self, expression: str) -> int:
        """The value of an integer expression, unsigned."""
        text = self.run(f"output/x {expression}").strip()
        if not text.startswith("0x"):
            raise AssertionError(f"{expression} is not a number: {text}")
        return int(text, 16)

    def memory(self, address: int, length: int) -> bytes:
        """What the server says is in memory: gdb's own commands hide the traps it has written."""
        answer = self.run(f"maintenance packet m{address:x},{length:x}")
        return bytes.fromhex(answer.rpartition('received: "')[2].partition('"')[0])

    def go_back_to_start(self) -> None:
        """``monitor reset``, and have gdb look at the machine again."""
        self.script("monitor reset", "maintenance flush register-cache")

    def disappear(self) -> None:
        """Die without a word to the server, as a crashed debugger does."""
        self.process.kill()
        self.process.wait(LIMIT)

    def _mark(self) -> str:
        return f"@end-of-{self._count}@"

    def _read_to(self, mark: bytes) -> str:
        assert self.process.stdout is not None
        deadline = time.monotonic() + LIMIT
        while mark not in self._unread:
            ready, _, _ = select.select([self.process.stdout], [], [], max(deadline - time.monotonic(), 0))
            data = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            if not data:
                why = "gdb has ended" if ready else f"gdb has not come back after {LIMIT:.0f} s"
                said = self._unread.decode(errors="replace")
                raise AssertionError("\n".join([why, *self.transcript, said]))
            self._unread += data
        found, _, self._unread = self._unread.partition(mark)
        text = found.decode(errors="replace")
        self.transcript.append(text.rstrip())
        return text


@contextmanager
def started(arguments: Iterable[str] = ()) -> Iterator[Gdb]:
    """A gdb with nothing but our settings; ended when the block is left."""
    command = [gdb_path(), "-q", "-nx", *(word for line in _SETTINGS for word in ("-iex", line))]
    process = subprocess.Popen(
        [*command, "-iex", "set prompt", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=clean_environment() | {"LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )
    gdb = Gdb(process)
    try:
        gdb.run("echo")
        yield gdb
    finally:
        process.kill()
        process.wait(LIMIT)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


@contextmanager
def attached(target: str, guest: SampleGuest) -> Iterator[Gdb]:
    """A gdb with the guest's symbols and source, attached to a server."""
    with started([str(guest.elf)]) as gdb:
        gdb.run(f"set substitute-path /kvmgdb/guests {guest.folder}")
        answer = gdb.run(f"target remote {target}")
        if "Remote debugging using" not in answer:
            raise AssertionError(f"gdb did not attach:\n{answer}")
        yield gdb


def batch(script: str, folder: Path, *arguments: str) -> str:
    """``gdb -batch -x SCRIPT ARGUMENTS``; everything it says."""
    file = folder / "script.gdb"
    file.write_text(script)
    done = subprocess.run(
        [gdb_path(), "-q", "-nx", "-batch", "-x", str(file), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=clean_environment(),
        timeout=LIMIT,
        text=True,
        check=False,
    )
    return done.stdout
