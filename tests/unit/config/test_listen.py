"""Listeners: what they look like, and who can reach them."""

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.config.listen import (
    UNIX_PATH_LIMIT,
    ListenAddress,
    StdioAddress,
    TcpAddress,
    UnixAddress,
    parse_listen,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp:127.0.0.1:1234", TcpAddress("127.0.0.1", 1234)),
        ("tcp:localhost:0", TcpAddress("localhost", 0)),
        ("tcp:[::1]:1234", TcpAddress("::1", 1234)),
        ("unix:/run/kvmgdb.sock", UnixAddress(Path("/run/kvmgdb.sock"))),
        ("unix:a:b", UnixAddress(Path("a:b"))),
        ("stdio", StdioAddress()),
    ],
)
def test_listeners(text: str, address: ListenAddress) -> None:
    assert parse_listen(text) == address
    assert str(address) == text


@given(st.ip_addresses(), st.integers(min_value=0, max_value=65535))
def test_a_tcp_listener_survives_being_written_and_read(
    host: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    address = TcpAddress(str(host), port)
    assert parse_listen(str(address)) == address


@pytest.mark.parametrize(
    "value",
    [
        "",
        "tcp:",
        "tcp:host",
        "tcp:host:",
        "tcp:[::1:1",
        "tcp:[host]:1",
        "tcp:a b:1",
        "udp:a:1",
        "unix:",
        "stdio:",
        1,
        None,
    ],
)
def test_what_is_no_listener(value: object) -> None:
    with pytest.raises(ValueError, match=r"^expected tcp:HOST:PORT, unix:PATH or stdio, found "):
        parse_listen(value)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("127.0.0.1:1234", "tcp:127.0.0.1:1234"),
        (":1234", "tcp:127.0.0.1:1234"),
        ("1234", "tcp:127.0.0.1:1234"),
        ("tcp::1234", "tcp:127.0.0.1:1234"),
        ("/run/gdb.sock", "unix:/run/gdb.sock"),
    ],
)
def test_other_programs_spellings_get_a_suggestion(value: str, meant: str) -> None:
    with pytest.raises(ValueError, match=r"did you mean") as caught:
        parse_listen(value)
    assert str(caught.value).endswith(f'; did you mean "{meant}"?')


def test_a_port_has_16_bits() -> None:
    with pytest.raises(ValueError, match=r"^expected a port from 0 to 65535, found 65536$"):
        parse_listen("tcp:127.0.0.1:65536")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost", "LocalHost"])
def test_loopback(host: str) -> None:
    assert TcpAddress(host, 1).is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "localhost.org"])  # noqa: S104
def test_reachable_from_elsewhere(host: str) -> None:
    assert not TcpAddress(host, 1).is_loopback


def test_a_socket_path_has_a_longest_length() -> None:
    assert UnixAddress(Path("x" * UNIX_PATH_LIMIT)).problem is None
    assert (
        UnixAddress(Path("é" * 54)).problem == "expected a socket path of at most 107 bytes, found one of 108"
    )
