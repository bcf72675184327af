"""QEMU as a child process: its command line, its channels, its end.

Everything between us goes over socket pairs and anonymous memory that the child inherits, so nothing is in
the file system, nobody else can connect, and the end of the child is the end of its channels.
"""

from __future__ import annotations

import mmap
import os
import select
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from kvmgdb.children import end_with_parent
from kvmgdb.errors import BackendError

CHANNELS = ("gdb", "qmp", "console", "serial", "exit")
"""QEMU's stub; its monitor; the debug console; the first serial line; what the guest ends with."""

LAST_WORDS = 400
"""Characters of what a QEMU that has ended wrote to standard error, its last."""

ENDING = 2.0
"""Seconds a QEMU may take to end when it is told to: time to write back what it has of its disks."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be started."""

    program: str
    machine: str
    cpu: str
    """Empty: the machine's own."""
    memory: int
    """Bytes."""
    firmware: bytes | None
    reboots: bool
    """Whether a guest that resets its machine gets a reset; if not, that is its end."""
    arguments: tuple[str, ...]


class Child:
    """One QEMU, from its start to its end; stopped before the guest's first instruction."""

    def __init__(self, command: Command) -> None:
        self._errors = os.memfd_create("qemu-errors")
        self.ram = _Shared("guest-ram", command.memory)
        firmware = _Shared.of("firmware", command.firmware) if command.firmware is not None else None
        pairs = {name: socket.socketpair() for name in CHANNELS}
        self.channels = {name: ours for name, (ours, _) in pairs.items()}
        theirs = {name: their for name, (_, their) in pairs.items()}
        try:
            inherited = [channel.fileno() for channel in theirs.values()] + [self.ram.fd]
            inherited += [firmware.fd] if firmware else []
            self._process = subprocess.Popen(  # noqa: S603 - the user's own program and arguments
                _words(command, theirs, self.ram.fd, firmware.fd if firmware else None),
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                pass_fds=inherited,
                process_group=0,  # a Ctrl-C in the terminal is for us
                preexec_fn=partial(end_with_parent, os.getpid()),
            )
        except OSError as problem:
            self._give_back()
            raise BackendError(f"{command.program} cannot be started: {problem.strerror}") from problem
        finally:
            for channel in theirs.values():
                channel.close()
            if firmware is not None:
                firmware.close()

    def wait(self) -> int:
        """The exit status of a QEMU that is ending, negative for a signal."""
        try:
            return self._process.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def last_words(self) -> str:
        """The last line that it has written to standard error; empty if there is none."""
        size = os.fstat(self._errors).st_size
        text = os.pread(self._errors, LAST_WORDS, max(0, size - LAST_WORDS)).decode("utf-8", "replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def close(self) -> None:
        """End it and give everything back."""
        self.channels["qmp"].close()
        if self._process.poll() is None:
            self._process.terminate()
        self.wait()
        self._give_back()

    def _give_back(self) -> None:
        for channel in self.channels.values():
            channel.close()
        self.ram.close()
        os.close(self._errors)


class _Shared:
    """Anonymous memory with a descriptor that the child maps too (memfd_create(2))."""

    def __init__(self, name: str, size: int) -> None:
        self.fd = os.memfd_create(name)
        try:
            os.ftruncate(self.fd, size)
            self.bytes = mmap.mmap(self.fd, size)
        except (OSError, ValueError, OverflowError) as problem:
            os.close(self.fd)
            raise BackendError(
                f"this host has no {size} bytes for guest memory ({problem}): give the guest less"
            ) from problem

    @classmethod
    def of(cls, name: str, data: bytes) -> _Shared:
        """With contents."""
        made = cls(name, len(data))
        made.bytes[:] = data
        return made

    def close(self) -> None:
        """Give it back."""
        self.bytes.close()
        os.close(self.fd)


def _words(
    command: Command, channels: dict[str, socket.socket], ram: int, firmware: int | None
) -> Sequence[str]:
    """The command line."""
    words = [command.program, "-nodefaults", "-display", "none", "-S", "-accel", "tcg"]
    words += ["-object", f"memory-backend-file,id=ram,size={command.memory},mem-path=/dev/fd/{ram},share=on"]
    words += ["-m", f"{command.memory >> 20}M", "-machine", f"{command.machine},memory-backend=ram"]
    words += ["-cpu", command.cpu] if command.cpu else []
    for name, channel in channels.items():
        words += ["-chardev", f"socket,id=kvmgdb-{name},fd={channel.fileno()}"]
    words += ["-gdb", "chardev:kvmgdb-gdb", "-mon", "chardev=kvmgdb-qmp,mode=control"]
    words += ["-serial", "chardev:kvmgdb-serial"]
    words += ["-action", f"reboot={'reset' if command.reboots else 'shutdown'},shutdown=pause,panic=pause"]
    words += ["-bios", f"/dev/fd/{firmware}"] if firmware is not None else []
    return words + [word.format(console="kvmgdb-console", exit="kvmgdb-exit") for word in command.arguments]


def is_readable(channel: socket.socket) -> bool:
    """Whether something has come, or it has been hung up."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    return bool(poll.poll(0))
