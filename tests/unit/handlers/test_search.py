"""``qSearch:memory`` and ``qCRC``."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvmgdb.handlers import search
from kvmgdb.rsp.packets import ChecksumMemory
from kvmgdb.session import Session
from tests.support.sessions import ask, error_text

PLACE = 0x80_0000
TOP = 0x100_0000  # the end of the sample guests' memory


def put(session: Session, address: int, data: bytes) -> None:
    session.guest.write_memory(address, data)


def crc_by_the_book(data: bytes) -> int:
    """The manual's words, a bit at a time."""
    crc = 0xFFFF_FFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = crc << 1 ^ (0x04C1_1DB7 if crc & 0x8000_0000 else 0)
            crc &= 0xFFFF_FFFF
    return crc


class TestSearch:
    def test_finds_the_first(self, session: Session) -> None:
        put(session, PLACE + 5, b"here and here")

        assert ask(session, b"qSearch:memory:800000;100;here") == b"1,800005"
        assert ask(session, b"qSearch:memory:800006;100;here") == b"1,80000e"

    def test_finds_nothing(self, session: Session) -> None:
        assert ask(session, b"qSearch:memory:800000;100;here") == b"0"

    @pytest.mark.parametrize(
        ("length", "reply"), [(b"9", b"1,800005"), (b"8", b"0"), (b"3", b"0"), (b"0", b"0")]
    )
    def test_all_of_it_must_be_in_the_range(self, session: Session, length: bytes, reply: bytes) -> None:
        put(session, PLACE + 5, b"here")

        assert ask(session, b"qSearch:memory:800000;%b;here" % length) == reply

    @pytest.mark.parametrize("offset", [-4, -3, -1, 0, 1])
    def test_it_may_lie_over_the_end_of_a_chunk(self, session: Session, offset: int) -> None:
        for end in (search.FIRST_CHUNK, 3 * search.FIRST_CHUNK, 2 * search.CHUNK - search.FIRST_CHUNK):
            where = PLACE + end + offset
            put(session, where, b"here")

            assert ask(session, b"qSearch:memory:800000;800000;here") == b"1,%x" % where
            put(session, where, bytes(4))

    def test_what_is_longer_than_a_chunk(self, session: Session) -> None:
        pattern = bytes(range(1, 256)) * (search.CHUNK // 200)
        put(session, PLACE + 77, pattern)

        assert ask(session, b"qSearch:memory:800000;800000;" + pattern) == b"1,80004d"

    def test_what_is_found_before_the_end_of_memory_is_found(self, session: Session) -> None:
        put(session, TOP - 4, b"here")

        assert ask(session, b"qSearch:memory:f00000;ffffffffffff;here") == b"1,fffffc"

    def test_what_is_not_is_an_error_that_says_where_memory_ends(self, session: Session) -> None:
        assert "0x1000000" in error_text(session, b"qSearch:memory:f00000;200000;here")

    def test_nothing_is_there_at_all(self, session: Session) -> None:
        assert ask(session, b"qSearch:memory:70000000;10;x") == b"E0e"

    def test_a_search_does_not_go_on_for_ever(
        self, x86_session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(search, "MAX_LENGTH", 0x3000)

        assert "go on from 0x803000" in error_text(x86_session, b"qSearch:memory:800000;400000;here")

    def test_of_physical_memory(self, session: Session) -> None:
        put(session, PLACE, b"here")
        ask(session, b"Qqemu.PhyMemMode:1")

        assert ask(session, b"qSearch:memory:0;1000000;here") == b"1,800000"


class TestChecksum:
    @pytest.mark.parametrize(
        ("data", "crc"),
        [
            (b"", b"Cffffffff"),
            (b"123456789", b"C376e6e7"),  # the check value of CRC-32/MPEG-2, which is this CRC
            (b"\0" * 4, b"Cc704dd7b"),
        ],
    )
    def test_known_ones(self, session: Session, data: bytes, crc: bytes) -> None:
        put(session, PLACE, data)

        assert ask(session, b"qCRC:800000,%x" % len(data)) == crc

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.binary(max_size=300))
    def test_any_bytes(self, x86_session: Session, data: bytes) -> None:
        put(x86_session, PLACE, data)

        reply = search.checksum(x86_session, ChecksumMemory(PLACE, len(data)))

        assert reply.payload == b"C%x" % crc_by_the_book(data)

    def test_over_chunks(self, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        data = bytes(range(256)) * 40
        put(session, PLACE, data)
        monkeypatch.setattr(search, "FIRST_CHUNK", 1000)

        assert ask(session, b"qCRC:800000,2800") == b"C%x" % crc_by_the_book(data)

    def test_memory_that_is_not_all_there_is_an_error(self, session: Session) -> None:
        assert ask(session, b"qCRC:fffff0,20") == b"E0e"
        assert "0x1000000" in error_text(session, b"qCRC:fffff0,20")
