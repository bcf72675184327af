"""Where a debugger connects: ``tcp:HOST:PORT``, ``unix:PATH`` or ``stdio``."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kvmgdb.config.text import shown
from kvmgdb.config.values import parse_path

LISTEN_PATTERN = r"^(tcp:(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}|unix:.+|stdio)$"
"""What ``listen`` may look like, for the JSON Schema."""

UNIX_PATH_LIMIT = 107
"""Longest path of a Unix socket, in bytes (unix(7): ``sun_path`` is 108 with its closing zero byte)."""

_TCP = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A TCP listener."""

    host: str
    port: int
    """0 lets the system pick a free one."""

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp:{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A Unix-domain socket."""

    path: Path

    @property
    def problem(self) -> str | None:
        """Why no socket can have this path; None if one can."""
        length = len(os.fsencode(self.path))
        if length <= UNIX_PATH_LIMIT:
            return None
        return f"expected a socket path of at most {UNIX_PATH_LIMIT} bytes, found one of {length}"

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class StdioAddress:
    """Standard input and output: the one debugger that started us, ``target remote | kvmgdb ...``."""

    def __str__(self) -> str:
        return "stdio"


ListenAddress = TcpAddress | UnixAddress | StdioAddress


def parse_listen(value: object) -> ListenAddress:
    """Read a listener; :class:`ValueError` says in one clause what was expected and found."""
    if not isinstance(value, str):
        raise ValueError(_expected(value))
    scheme, colon, rest = value.partition(":")
    parse = _SCHEMES.get(scheme + colon)
    if parse is None:
        raise ValueError(_expected(value) + _hint(value))
    return parse(rest)


def _expected(value: object) -> str:
    return f"expected tcp:HOST:PORT, unix:PATH or stdio, found {shown(value)}"


def _parse_tcp(rest: str) -> TcpAddress:
    match = _TCP.fullmatch(rest)
    if match is None or not _is_host(match["ipv6"], match["host"]):
        hint = _hint(rest) if rest.startswith(":") else ""
        raise ValueError(_expected(f"tcp:{rest}") + hint)
    if int(match["port"]) > 0xFFFF:
        raise ValueError(f"expected a port from 0 to 65535, found {match['port']}")
    return TcpAddress(match["ipv6"] or match["host"], int(match["port"]))


def _is_host(ipv6: str | None, host: str | None) -> bool:
    if ipv6 is None:
        return host is not None
    try:
        return ipaddress.ip_address(ipv6).version == 6
    except ValueError:
        return False


def _parse_unix(rest: str) -> UnixAddress:
    if not rest:
        raise ValueError(_expected("unix:"))
    return UnixAddress(parse_path(rest))


def _parse_stdio(_rest: str) -> StdioAddress:
    return StdioAddress()


_SCHEMES: dict[str, Callable[[str], ListenAddress]] = {
    "tcp:": _parse_tcp,
    "unix:": _parse_unix,
    "stdio": _parse_stdio,
}


def _hint(value: str) -> str:
    """Gdb and QEMU take ``:1234`` and ``host:1234``, and a path is plainly a socket."""
    if "/" in value:
        return f'; did you mean "unix:{value}"?'
    for candidate in (value, f"127.0.0.1:{value.lstrip(':')}"):
        if _TCP.fullmatch(candidate):
            return f'; did you mean "tcp:{candidate}"?'
    return ""
