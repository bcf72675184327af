"""Into the guest and out of it: one command to QEMU's stub, and everything that may come meanwhile."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kvmgdb.backends.qemu.child import Child, is_readable
from kvmgdb.backends.qemu.qmp import Qmp
from kvmgdb.backends.qemu.remote import Remote
from kvmgdb.errors import BackendError

STOPPING = 20.0
"""Seconds QEMU may take to stop a guest when it is told to."""

STEP, CONTINUE = b"vCont;s", b"vCont;c"

_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR


@dataclass(slots=True)
class Ran:
    """How a run has ended."""

    reply: bytes = b""
    """QEMU's stop reply."""
    woken: bool = False
    """Whether ``wake`` was readable."""
    interrupted: bool = False
    """Whether QEMU was told to stop the guest."""
    status: int | None = None
    """What the guest gave its exit device."""


class Runner:
    """Runs one guest, by its channels."""

    def __init__(self, child: Child, remote: Remote, qmp: Qmp, console: Callable[[int], None]) -> None:
        self._remote = remote
        self._qmp = qmp
        self._console = console
        self._outputs = [child.channels["console"], child.channels["serial"]]
        self._exit = child.channels["exit"]
        self._poll = select.poll()
        self._by_fd: dict[int, Callable[[Ran], None]] = {}
        for output in self._outputs:
            self._watch(output, partial(self._print, output))
        self._watch(self._exit, self._on_exit)
        self._watch(qmp, lambda _: qmp.drain())
        self._watch(remote, self._on_reply)

    def _watch(self, channel: socket.socket | Qmp | Remote, on_readable: Callable[[Ran], None]) -> None:
        self._poll.register(channel.fileno(), _READABLE)
        self._by_fd[channel.fileno()] = on_readable

    def run(self, command: bytes, wake: int | None, limit: float | None = None) -> Ran:
        """Until QEMU reports a stop; a ``wake`` that is readable brings one about, and so do ``limit``
        seconds without a word from the guest.

        Raises:
            QemuGone: QEMU has ended instead.
            BackendError: it does not stop the guest.
        """
        ran = Ran()
        self._remote.send(command)
        if wake is not None:
            self._poll.register(wake, _READABLE)
        try:
            while not ran.reply:
                seconds = STOPPING if ran.interrupted else limit
                ready = self._poll.poll(None if seconds is None else 1000 * seconds)
                if not ready and ran.interrupted:
                    raise BackendError(f"QEMU has not stopped the guest in {STOPPING:.0f} s")
                if not ready:
                    self._interrupt(ran)
                for fd, _ in ready:
                    if fd == wake:
                        self._wake(ran, wake)
                    else:
                        self._by_fd[fd](ran)
        finally:
            if wake is not None and not ran.woken:
                self._poll.unregister(wake)
        self._catch_up(ran)
        return ran

    def _wake(self, ran: Ran, wake: int) -> None:
        ran.woken = True
        self._poll.unregister(wake)
        self._interrupt(ran)

    def _interrupt(self, ran: Ran) -> None:
        if not ran.reply and not ran.interrupted:
            ran.interrupted = True
            self._remote.interrupt()

    def _on_reply(self, ran: Ran) -> None:
        ran.reply = self._remote.receive() or b""

    def _on_exit(self, ran: Ran) -> None:
        data = self._exit.recv(1)
        if data and ran.status is None:
            ran.status = data[0]
            self._interrupt(ran)

    def _catch_up(self, ran: Ran) -> None:
        """What the guest has printed before it stopped is on its way, or here."""
        for fd, _ in self._poll.poll(0):
            self._by_fd[fd](ran)

    def _print(self, output: socket.socket, _ran: Ran) -> None:
        for byte in output.recv(1 << 16):
            self._console(byte)

    def finish(self) -> None:
        """Print what is left."""
        for output in self._outputs:
            while is_readable(output) and (data := output.recv(1 << 16)):
                for byte in data:
                    self._console(byte)
