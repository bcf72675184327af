"""Real sockets, real files, real standard input and output."""

from __future__ import annotations

import os
import select
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kvmgdb.config.listen import ListenAddress, StdioAddress, TcpAddress, UnixAddress
from kvmgdb.errors import KvmgdbError
from kvmgdb.transport import Connection, Listener, SocketConnection, listen

LIMIT = 30
"""Seconds until a test that waits for ever is a failure."""


@pytest.fixture(params=["tcp", "unix"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> ListenAddress:
    return TcpAddress("127.0.0.1", 0) if request.param == "tcp" else UnixAddress(tmp_path / "gdb.sock")


@pytest.fixture
def listener(address: ListenAddress) -> Iterator[Listener]:
    with closing(listen(address)) as opened:
        yield opened


def dial(listener: Listener) -> socket.socket:
    """Connect as a debugger does, to the address that is announced."""
    kind, _, rest = listener.address.partition(":")
    family = socket.AF_INET if kind == "tcp" else socket.AF_UNIX
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(LIMIT)
    host, _, port = rest.rpartition(":")
    sock.connect((host, int(port)) if kind == "tcp" else rest)
    return sock


def accept(listener: Listener) -> Connection:
    connection = listener.accept()
    assert connection is not None
    return connection


def is_readable(fd: int | None, seconds: float = LIMIT) -> bool:
    assert fd is not None
    return bool(select.select([fd], [], [], seconds)[0])


class TestSockets:
    def test_bytes_go_both_ways(self, listener: Listener) -> None:
        with dial(listener) as debugger, closing(accept(listener)) as connection:
            debugger.sendall(b"$g#67")
            assert connection.receive() == b"$g#67"
            connection.send(b"+$OK#9a")
            assert debugger.recv(100) == b"+$OK#9a"

    def test_a_waiting_debugger_makes_the_listener_readable(self, listener: Listener) -> None:
        """So that a guest that runs alone can be looked up from."""
        assert not is_readable(listener.fd, 0)
        with dial(listener):
            assert is_readable(listener.fd)

    def test_a_waiting_byte_makes_the_connection_readable(self, listener: Listener) -> None:
        with dial(listener) as debugger, closing(accept(listener)) as connection:
            assert not is_readable(connection.fd, 0)
            assert not connection.has_sent()
            debugger.sendall(b"\x03")
            assert is_readable(connection.fd)
            assert connection.has_sent()

    def test_the_end_is_no_bytes_as_often_as_asked(self, listener: Listener) -> None:
        debugger = dial(listener)
        with closing(accept(listener)) as connection:
            debugger.close()
            assert connection.receive() == b""
            assert connection.receive() == b""

    def test_a_debugger_that_vanished_is_an_end_too(self, listener: Listener) -> None:
        debugger = dial(listener)
        with closing(accept(listener)) as connection:
            debugger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            debugger.close()  # and so a reset, on TCP
            for _ in range(3):
                connection.send(b"x" * 1000)
            assert connection.receive() == b""

    def test_a_large_reply_arrives_whole(self, listener: Listener) -> None:
        data = bytes(range(256)) * 4096
        with dial(listener) as debugger, closing(accept(listener)) as connection:
            child = os.fork()
            if not child:  # the reader: a send of this size waits for one
                found = b""
                while len(found) < len(data):
                    found += debugger.recv(1 << 16)
                os._exit(0 if found == data else 1)
            connection.send(data)
            assert os.waitpid(child, 0)[1] == 0

    def test_a_second_debugger_is_turned_away_and_the_first_not_disturbed(self, listener: Listener) -> None:
        with dial(listener) as first, closing(accept(listener)) as connection:
            with dial(listener) as second:
                assert is_readable(connection.fd)
                assert not connection.has_sent()
                assert second.recv(100) == b""
            first.sendall(b"-")
            assert connection.receive() == b"-"

    def test_one_that_comes_when_the_first_has_hung_up_is_the_next(self, listener: Listener) -> None:
        first = dial(listener)
        with closing(accept(listener)) as connection:
            first.close()
            with dial(listener) as second:
                assert connection.receive() == b""
                connection.close()
                with closing(accept(listener)) as following:
                    second.sendall(b"+")
                    assert following.receive() == b"+"

    def test_one_after_the_other(self, listener: Listener) -> None:
        for _ in range(2):
            with dial(listener) as debugger, closing(accept(listener)) as connection:
                debugger.sendall(b"+")
                assert connection.receive() == b"+"


class TestTcp:
    def test_the_real_port_is_announced(self) -> None:
        with closing(listen(TcpAddress("127.0.0.1", 0))) as listener:
            assert listener.address.startswith("tcp:127.0.0.1:")
            assert not listener.address.endswith(":0")

    def test_the_peer_is_named(self) -> None:
        with closing(listen(TcpAddress("127.0.0.1", 0))) as listener, dial(listener) as debugger:
            assert accept(listener).peer == "{}:{}".format(*debugger.getsockname())

    def test_small_replies_do_not_wait_for_one_another(self) -> None:
        with closing(listen(TcpAddress("127.0.0.1", 0))) as listener, dial(listener):
            connection = accept(listener)
            assert isinstance(connection, SocketConnection)
            assert connection._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    def test_a_port_that_is_taken(self) -> None:
        with closing(listen(TcpAddress("127.0.0.1", 0))) as listener:
            port = int(listener.address.rpartition(":")[2])

            with pytest.raises(KvmgdbError) as refused:
                listen(TcpAddress("127.0.0.1", port))

        assert str(refused.value) == (
            f"cannot listen on tcp:127.0.0.1:{port}: Address already in use; choose another with --listen"
        )

    def test_a_port_can_be_had_again_at_once(self) -> None:
        with closing(listen(TcpAddress("127.0.0.1", 0))) as listener:
            port = int(listener.address.rpartition(":")[2])
            with dial(listener) as debugger:
                accept(listener).close()  # the side that closes first keeps the port a while
                assert debugger.recv(1) == b""

        listen(TcpAddress("127.0.0.1", port)).close()

    def test_an_address_that_is_not_ours(self) -> None:
        with pytest.raises(KvmgdbError, match=r"cannot listen on tcp:192\.0\.2\.1:1234: "):
            listen(TcpAddress("192.0.2.1", 1234))


class TestUnix:
    def test_only_the_owner_may_connect(self, tmp_path: Path) -> None:
        """Whoever connects controls the guest."""
        path = tmp_path / "gdb.sock"
        with closing(listen(UnixAddress(path))):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0

    def test_nothing_is_left_behind(self, tmp_path: Path) -> None:
        listen(UnixAddress(tmp_path / "gdb.sock")).close()

        assert list(tmp_path.iterdir()) == []

    def test_a_socket_that_nobody_listens_on_is_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "gdb.sock"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))

        with closing(listen(UnixAddress(path))) as listener, dial(listener):
            assert is_readable(listener.fd)

    def test_one_that_answers_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "gdb.sock"
        with closing(listen(UnixAddress(path))):
            with pytest.raises(KvmgdbError, match="Address already in use"):
                listen(UnixAddress(path))
            assert path.is_socket()

    def test_a_file_in_the_way_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "gdb.sock"
        path.write_text("mine")

        with pytest.raises(KvmgdbError, match="Address already in use"):
            listen(UnixAddress(path))
        assert path.read_text() == "mine"

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(KvmgdbError, match="No such file or directory; choose another with --listen"):
            listen(UnixAddress(tmp_path / "missing" / "gdb.sock"))


class TestStdio:
    PROGRAM = """
from kvmgdb.config.listen import StdioAddress
from kvmgdb.transport import listen
listener = listen(StdioAddress())
connection = listener.accept()
while data := connection.receive():
    connection.send(b"<" + data + b">")
connection.close()
assert listener.accept() is None
"""

    def test_what_comes_in_goes_out(self) -> None:
        done = subprocess.run(
            [sys.executable, "-c", self.PROGRAM],
            input=b"$g#67",
            capture_output=True,
            check=True,
            timeout=LIMIT,
        )

        assert done.stdout == b"<$g#67>"

    def test_there_is_nobody_else_to_wait_for(self) -> None:
        listener = listen(StdioAddress())

        assert (listener.address, listener.fd) == ("stdio", None)
