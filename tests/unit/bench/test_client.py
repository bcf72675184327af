"""The bench's client: its codecs, and a conversation with the do-nothing stub over real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.client import Client, ProtocolError, connect, escape, expand, frame, unescape
from bench.floor import DoNothing


@given(st.binary())
def test_escaped_data_holds_no_byte_that_means_something_and_comes_back(data: bytes) -> None:
    escaped = escape(data)
    assert not set(b"#$*") & set(escaped)
    assert unescape(escaped) == data


def test_run_lengths_are_expanded() -> None:
    assert expand(b'0* 1f*"') == b"00001ffffff"  # gdb manual, "Overview": a space repeats 3 times more


def test_a_frame_ends_with_the_sum_of_its_bytes() -> None:
    assert frame(b"OK") == b"$OK#9a"


@pytest.fixture
def client() -> Iterator[Client]:
    """A client whose other end is the do-nothing stub, a byte at a time."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    thread = threading.Thread(target=_answer, args=(theirs,))
    thread.start()
    connection = Client(ours)
    yield connection
    connection.close()
    thread.join(10)


def _answer(connection: socket.socket) -> None:
    stub = DoNothing()
    with connection:
        while data := connection.recv(1 << 16):
            packet = data.lstrip(b"+")
            for byte in stub.feed(packet) if packet else b"":
                connection.sendall(bytes((byte,)))


def test_a_handshake_learns_the_packet_size_and_leaves_acks_behind(client: Client) -> None:
    client.handshake()
    assert client.packet_size == 0x40000
    assert client.features["binary-upload"] == "+"
    assert not client._acks


def test_the_do_nothing_guest_runs_until_the_interrupt_or_a_breakpoint() -> None:
    stub = DoNothing()
    assert stub.feed(frame(b"vCont;c")) == b""
    assert stub.feed(b"\x03") == frame(b"T05")
    assert stub.feed(frame(b"Z0,1000,1")) == frame(b"OK")
    assert stub.feed(frame(b"vCont;c")) == frame(b"T05")


def test_a_reply_that_is_no_stop_is_an_error(client: Client) -> None:
    with pytest.raises(ProtocolError, match="no stop"):
        client.stop(frame(b"g"))


@pytest.mark.parametrize("awake", [True, False])
def test_a_reply_that_never_comes_is_a_timeout_and_not_a_wait_without_end(awake: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = connect("127.0.0.1", silent.getsockname()[1], 1, awake=awake)
        with pytest.raises(TimeoutError):
            client.ask(b"?")
        client.close()


@pytest.mark.parametrize("awake", [True, False])
def test_a_server_that_hangs_up_is_said_to(awake: bool) -> None:
    ours, theirs = socket.socketpair()
    client = Client(ours, awake=awake)
    theirs.close()
    with pytest.raises(ProtocolError, match="hung up"):
        client.receive()
    client.close()
