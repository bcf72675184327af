"""Replies, byte for byte."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.stops import Signal
from kvmgdb.errors import MemoryFault, RspError
from kvmgdb.rsp import replies
from kvmgdb.rsp.bulk import unescape
from kvmgdb.rsp.replies import ErrorStyle


@pytest.mark.parametrize(
    ("problem", "number", "text"),
    [
        (MemoryFault("nothing is mapped"), b"E0e", b"E.nothing is mapped"),
        (RspError("no slot", errno.ENOSPC), b"E1c", b"E.no slot"),
        (RspError("a # and a $"), b"E16", b"E.a }\x03 and a }\x04"),
        (RspError("größer"), b"E16", "E.größer".encode()),
        (RspError("", 0x1FF), b"Eff", b"E."),
    ],
)
def test_errors(problem: RspError, number: bytes, text: bytes) -> None:
    assert replies.error(problem, ErrorStyle.NUMBER) == number
    assert replies.error(problem, ErrorStyle.TEXT) == text
    assert replies.error(problem, ErrorStyle.BOTH) == number + b";" + problem.text.encode().hex().encode()


def test_a_stop() -> None:
    registers = b"10:0000100000000000;"

    assert (
        replies.stopped(Signal.TRAP, registers, b"thread:1", b"swbreak:")
        == b"T0510:0000100000000000;thread:1;swbreak:;"
    )


@pytest.mark.parametrize(("status", "reply"), [(0, b"W00"), (0x2A, b"W2a"), (0x12A, b"W2a")])
def test_an_exit(status: int, reply: bytes) -> None:
    assert replies.exited(status) == reply


def test_text_is_hex() -> None:
    assert replies.hex_text("ok \N{CHECK MARK}\n") == b"6f6b20e29c930a"


@pytest.mark.parametrize(
    ("offset", "length", "reply"),
    [
        (0, 4, b"mabcd"),
        (4, 4, b"mefgh"),
        (4, 6, b"lefghij"),  # the last bytes are marked as such, so that gdb need not ask again
        (8, 100, b"lij"),
        (10, 4, b"l"),
        (1000, 4, b"l"),
    ],
)
def test_a_document_comes_in_chunks(offset: int, length: int, reply: bytes) -> None:
    assert replies.chunk(b"abcdefghij", offset, length) == reply


@given(st.binary(max_size=200), st.integers(1, 50))
def test_the_chunks_of_a_document_are_the_document(document: bytes, length: int) -> None:
    found = b""
    while True:
        answer = replies.chunk(document, len(found), length)
        found += unescape(answer[1:])
        if answer[:1] == b"l":
            break

    assert found == document
