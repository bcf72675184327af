"""Sockets and standard input and output: the only code that touches them."""

from __future__ import annotations

import contextlib
import os
import select
import socket
from pathlib import Path
from typing import Protocol

from kvmgdb.config.listen import ListenAddress, StdioAddress, TcpAddress, UnixAddress
from kvmgdb.errors import KvmgdbError
from kvmgdb.spinning import Spin

RECEIVE_SIZE = 1 << 18
"""As much as the largest packet, so that one call brings it whole."""


class Connection(Protocol):
    """One debugger."""

    peer: str
    fd: int
    """Readable when there is something to see to: ask :meth:`has_sent` then."""

    def has_sent(self) -> bool:
        """Whether the debugger has sent something, or hung up; does not wait."""
        ...

    def receive(self) -> bytes:
        """What has arrived; waits for the first byte; empty at the end."""
        ...

    def send(self, data: bytes) -> None:
        """Send all of it; an error here is the end of the connection, told by :meth:`receive`."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class Listener(Protocol):
    """Where debuggers come from."""

    address: str
    """What to tell the user, with the real port."""
    fd: int | None
    """Readable when a debugger is waiting; None where there is only one, already there."""

    def accept(self) -> Connection | None:
        """The next debugger; None when there will be no more."""
        ...

    def close(self) -> None:
        """Stop listening and leave nothing behind."""
        ...


class SocketConnection:
    """A debugger on a socket.  While it is connected, others are turned away at once."""

    def __init__(self, sock: socket.socket, peer: str, listener: socket.socket) -> None:
        self.peer = peer
        self._socket = sock
        self._socket_fd = sock.fileno()
        self._listener = listener
        self._buffer = memoryview(bytearray(RECEIVE_SIZE))  # a new one for each call takes longer than it
        self._spin = Spin()
        self._epoll = select.epoll()
        self._epoll.register(sock, select.EPOLLIN)
        self._epoll.register(listener, select.EPOLLIN)
        self.fd = self._epoll.fileno()

    def has_sent(self) -> bool:
        """Whether there is something to receive; who knocks meanwhile is turned away."""
        return self._wait(0)

    def receive(self) -> bytes:
        """What has arrived."""
        return self._spin.wait(self._look, self._sleep)

    def _look(self) -> bytes | None:
        """What is there already, if anything is."""
        try:
            return bytes(self._buffer[: self._socket.recv_into(self._buffer, 0, socket.MSG_DONTWAIT)])
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _sleep(self) -> bytes:
        while not self._wait(-1) or (data := self._look()) is None:
            pass
        return data

    def _wait(self, seconds: float) -> bool:
        ready = self._epoll.poll(seconds)
        for fd, _ in ready:
            if fd == self._socket_fd:
                return True  # first: if this debugger has hung up, the one that knocks is the next
        if ready:
            self._turn_away()
        return False

    def _turn_away(self) -> None:
        with contextlib.suppress(OSError):
            other, _ = self._listener.accept()
            other.close()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        with contextlib.suppress(OSError):
            self._socket.sendall(data)

    def close(self) -> None:
        """Hang up."""
        self._epoll.close()
        self._socket.close()


class SocketListener:
    """A TCP port or a Unix socket."""

    def __init__(self, sock: socket.socket, address: str, path: Path | None = None) -> None:
        self.address = address
        self.fd: int | None = sock.fileno()
        self._socket = sock
        self._path = path

    def accept(self) -> Connection | None:
        """Wait for the next debugger."""
        sock, peer = self._socket.accept()
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else self.address
        return SocketConnection(sock, name, self._socket)

    def close(self) -> None:
        """Close it; a Unix socket's file goes too."""
        self._socket.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


class StdioConnection:
    """The debugger that started us: ``target remote | kvmgdb serve --listen stdio``."""

    peer = "stdio"
    fd = 0

    def __init__(self) -> None:
        self._poll = select.poll()
        self._poll.register(self.fd, select.POLLIN)
        self._spin = Spin()

    def has_sent(self) -> bool:
        """Nobody else can make the descriptor readable."""
        return True

    def receive(self) -> bytes:
        """What has arrived on standard input."""
        return self._spin.wait(lambda: self._read() if self._poll.poll(0) else None, self._read)

    def _read(self) -> bytes:
        return os.read(self.fd, RECEIVE_SIZE)

    def send(self, data: bytes) -> None:
        """To standard output."""
        with contextlib.suppress(OSError):
            view = memoryview(data)
            while view:
                view = view[os.write(1, view) :]

    def close(self) -> None:
        """Nothing: the process ends with the session."""


class StdioListener:
    """One connection, there from the start."""

    address = "stdio"
    fd: int | None = None

    def __init__(self) -> None:
        self._used = False

    def accept(self) -> Connection | None:
        """The one connection, once."""
        if self._used:
            return None
        self._used = True
        return StdioConnection()

    def close(self) -> None:
        """Nothing."""


def listen(address: ListenAddress) -> Listener:
    """Open a listener.

    Raises:
        KvmgdbError: the address cannot be had; the text says why.
    """
    if isinstance(address, StdioAddress):
        return StdioListener()
    try:
        return _listen_tcp(address) if isinstance(address, TcpAddress) else _listen_unix(address)
    except OSError as problem:
        raise KvmgdbError(
            f"cannot listen on {address}: {problem.strerror or problem}; choose another with --listen"
        ) from problem


def _listen_tcp(address: TcpAddress) -> SocketListener:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address.host, address.port))
        sock.listen(1)
    except OSError:
        sock.close()
        raise
    return SocketListener(sock, str(TcpAddress(address.host, sock.getsockname()[1])))


def _listen_unix(address: UnixAddress) -> SocketListener:
    _remove_stale(address.path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old_mask = os.umask(0o177)  # whoever can connect controls the guest: the owner only
    try:
        sock.bind(str(address.path))
        sock.listen(1)
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(old_mask)
    return SocketListener(sock, str(address), address.path)


def _remove_stale(path: Path) -> None:
    """A socket nobody listens on any more is in the way; one that answers is somebody's."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
