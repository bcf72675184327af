"""Checksums and escapes, compiled and in Python: both are held to the same."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.rsp import bulk
from kvmgdb.rsp.framing import MAX_PACKET, escape


def _compiled(function: Callable[[bytes], object]) -> object:
    why = "needs kvmgdb's compiled part: no C compiler was at hand when it was installed"
    return pytest.param(function, marks=pytest.mark.skipif(not bulk.COMPILED, reason=why), id="compiled")


SUMS = pytest.mark.parametrize(
    "checksum", [pytest.param(bulk.plain_checksum, id="plain"), _compiled(bulk.checksum)]
)
UNESCAPES = pytest.mark.parametrize(
    "unescape", [pytest.param(bulk.plain_unescape, id="plain"), _compiled(bulk.unescape)]
)
# Mostly of escapes, so that some come one behind the other and at the end.
ESCAPED = st.lists(st.one_of(st.just(b"}"), st.binary(max_size=6)), max_size=60).map(b"".join)


def by_the_manual(data: bytes) -> bytes:
    """GDB manual, "Overview": the byte after an escape is XORed with 0x20.  An escape at the end stays."""
    return re.sub(rb"\}(.)", lambda found: bytes((found[1][0] ^ 0x20,)), data, flags=re.DOTALL)


@SUMS
@given(data=st.binary(max_size=3000))
def test_the_checksum_is_the_sum_of_all_bytes(checksum: Callable[[bytes], int], data: bytes) -> None:
    assert checksum(data) == sum(data) % 256


@SUMS
@pytest.mark.parametrize("size", [0, 255, 256, 257, 65535, 70001, 2 * MAX_PACKET])
@pytest.mark.parametrize("byte", [b"\x00", b"f", b"\xff"])
def test_the_checksum_of_large_packets(checksum: Callable[[bytes], int], size: int, byte: bytes) -> None:
    assert checksum(byte * size) == size * byte[0] % 256


@UNESCAPES
@given(data=ESCAPED)
def test_any_byte_may_come_escaped(unescape: Callable[[bytes], bytes], data: bytes) -> None:
    assert unescape(data) == by_the_manual(data)


@UNESCAPES
@given(pattern=st.binary(min_size=1, max_size=100), times=st.integers(1, 2000))
def test_what_was_escaped_comes_back(unescape: Callable[[bytes], bytes], pattern: bytes, times: int) -> None:
    assert unescape(escape(pattern * times)) == pattern * times


@UNESCAPES
@pytest.mark.parametrize(
    ("tail", "unescaped"),
    [(b"}", b"}"), (b"}}", b"]"), (b"}}}", b"]}"), (b"}}\x03", b"]\x03"), (b"}\x03", b"#")],
)
@pytest.mark.parametrize("start", [b"", b"x" * 5000])
def test_escapes_no_gdb_sends(
    unescape: Callable[[bytes], bytes], start: bytes, tail: bytes, unescaped: bytes
) -> None:
    """A mark with nothing behind it stays."""
    assert unescape(start + tail) == start + unescaped


@pytest.mark.parametrize("function", [_compiled(bulk.checksum), _compiled(bulk.unescape)])
@pytest.mark.parametrize("data", ["text", None, 7, bytearray(b"}")])
def test_what_is_not_bytes_is_an_error(function: Callable[[object], object], data: object) -> None:
    with pytest.raises(TypeError):
        function(data)
