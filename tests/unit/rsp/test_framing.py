"""Bytes in, events out, however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.rsp.bulk import unescape
from kvmgdb.rsp.framing import (
    Ack,
    BadPacket,
    Decoder,
    Event,
    Interrupt,
    Packet,
    encode,
    escape,
    expand_runs,
    hexadecimal,
)

# Streams that are mostly made of what means something, so that frames, marks and escapes do occur.
STREAMS = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from([b"$", b"#", b"+", b"-", b"\x03", b"}", b"*", b'0*"', b"#00", b"$OK#9a", b"$#00"]),
        st.binary(max_size=40).map(lambda data: encode(escape(data))),
    ),
    max_size=12,
).map(b"".join)


def decode(data: bytes, max_packet: int = 64) -> list[Event]:
    return list(Decoder(max_packet).feed(data))


def test_a_packet() -> None:
    assert decode(b"$OK#9a") == [Packet(b"OK")]


def test_an_empty_packet() -> None:
    assert decode(b"$#00") == [Packet(b"")]


def test_the_checksum_may_be_in_capitals() -> None:
    assert decode(b"$OK#9A") == [Packet(b"OK")]


def test_acks_and_the_interrupt_byte() -> None:
    assert decode(b"+-\x03") == [Ack(True), Ack(False), Interrupt()]


def test_the_interrupt_byte_within_a_packet_is_data() -> None:
    assert decode(encode(b"X0,1:\x03")) == [Packet(b"X0,1:\x03")]


def test_noise_between_packets_is_skipped() -> None:
    assert decode(b"\r\nhello$OK#9a~~\n+") == [Packet(b"OK"), Ack(True)]


def test_several_packets_at_once() -> None:
    assert decode(b"+$m0,4#fd+$g#67") == [Ack(True), Packet(b"m0,4"), Ack(True), Packet(b"g")]


def test_escaped_bytes() -> None:
    assert decode(encode(b"X0,4:}\x03}\x04}]}\n")) == [Packet(b"X0,4:#$}*")]


@pytest.mark.parametrize(
    ("payload", "data"),
    [
        (b"0* ", b"0000"),  # the two examples of the GDB manual, "Overview"
        (b'0*"00', b"00000000"),
        (b"10* 2", b"100002"),
        (b"0**", b"0" * 14),  # the count of 13 is itself an asterisk
        (b"0* * ", b"0" * 7),
        (b"0*~", b"0" * 98),
    ],
)
def test_run_lengths(payload: bytes, data: bytes) -> None:
    assert decode(encode(payload)) == [Packet(data)]


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"$OK#9b", id="wrong"),
        pytest.param(b"$OK#zz", id="not hexadecimal"),
        pytest.param(b"$OK#+a", id="a sign is no digit"),
        pytest.param(b"$OK#  ", id="blank"),
    ],
)
def test_a_checksum_that_does_not_fit(frame: bytes) -> None:
    first, second = decode(frame + b"$g#67")

    assert isinstance(first, BadPacket)
    assert first.reason.startswith("checksum")
    assert second == Packet(b"g")


@pytest.mark.parametrize("payload", [b"*4", b"0*", b"*"])
def test_a_run_length_with_nothing_to_repeat(payload: bytes) -> None:
    assert decode(encode(payload)) == [
        BadPacket("a run-length mark with nothing to repeat, or without a count")
    ]


@pytest.mark.parametrize("count", [0, 0x1C, 0x1F, 0x7F, 0xFF])
def test_a_run_length_that_is_no_printable_character(count: int) -> None:
    [event] = decode(encode(b"0*" + bytes((count,))))

    assert isinstance(event, BadPacket)


def test_run_lengths_cannot_expand_without_end() -> None:
    [event] = Decoder().feed(encode(b"0*~" * 10_000))

    assert isinstance(event, BadPacket)
    assert "expand to more than" in event.reason


class TestTooLong:
    """A frame of more than twice the packet size is dropped whole: every byte may come escaped."""

    LIMIT = 2 * 64 + 4

    def test_the_longest(self) -> None:
        payload = b"x" * (self.LIMIT - 1)

        assert decode(encode(payload)) == [Packet(payload)]

    @pytest.mark.parametrize("excess", [0, 1, 500])
    def test_one_that_is_longer(self, excess: int) -> None:
        first, second = decode(encode(b"x" * (self.LIMIT + excess)) + b"$g#67")

        assert isinstance(first, BadPacket)
        assert str(self.LIMIT) in first.reason
        assert second == Packet(b"g")

    def test_one_without_end_takes_no_memory(self) -> None:
        decoder = Decoder(64)
        events = list(decoder.feed(b"$"))
        for _ in range(100):
            events += decoder.feed(b"x" * 1000)

        assert len(events) == 1
        assert len(decoder._buffer) < 2000


@given(STREAMS, st.lists(st.integers(0, 200)))
def test_how_the_bytes_are_cut_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    decoder = Decoder(16)
    events: list[Event] = []
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(places):
        events += decoder.feed(data[start:end])

    assert events == decode(data, 16)


@given(st.binary(max_size=300))
def test_no_bytes_are_an_error(data: bytes) -> None:
    for event in decode(data):
        assert isinstance(event, Packet | Ack | Interrupt | BadPacket)


@given(STREAMS)
def test_after_any_bytes_a_packet_is_understood_at_the_second_try(data: bytes) -> None:
    """The first may end a frame that was open, and is sent again when that is refused."""
    events = decode(data + b"$g#67" + b"$g#67")

    assert events[-1] == Packet(b"g")


@given(st.binary())
def test_any_payload_survives(payload: bytes) -> None:
    assert list(Decoder().feed(encode(escape(payload)))) == [Packet(payload)]


@given(st.binary())
def test_escaping_leaves_none_of_the_four_bytes(data: bytes) -> None:
    escaped = escape(data)

    assert not set(b"#$*") & set(escaped)
    assert unescape(escaped) == data


@given(st.binary(max_size=900), st.integers(0, 3000), st.sampled_from([b"\0", b"\xff"]))
def test_shortened_hex_expands_to_itself(data: bytes, repeats: int, byte: bytes) -> None:
    memory = byte * repeats + data + byte * repeats
    short = hexadecimal(memory)

    assert len(short) <= 2 * len(memory)
    assert not set(b"#$") & set(short)
    assert expand_runs(short) == memory.hex().encode("ascii")


@pytest.mark.parametrize(
    ("memory", "short"), [(bytes(490), b"0*~" * 10), (b"\xff" * 491, b"f*~" * 10 + b"ff")]
)
def test_empty_memory_is_shortened(memory: bytes, short: bytes) -> None:
    assert hexadecimal(memory) == short


@pytest.mark.parametrize("memory", [bytes(64), bytes(range(256)) * 8 + bytes(900)])
def test_what_holds_few_runs_is_left_alone(memory: bytes) -> None:
    assert hexadecimal(memory) == memory.hex().encode("ascii")
