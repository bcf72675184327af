"""``printf`` as the guest's C library would: the same words from both."""

from __future__ import annotations

import pytest

from kvmgdb.conditions.formats import MAX_STRING, FormatError, parse_format
from kvmgdb.errors import MemoryFault
from tests.support.agent import FakeMachine

MINUS_ONE = (1 << 64) - 1


def printed(
    text: bytes, *arguments: int, memory: dict[int, bytes] | None = None, long_size: int = 8
) -> bytes:
    return parse_format(text, long_size).render(arguments, FakeMachine(memory or {}).read)


@pytest.mark.parametrize(
    ("text", "argument", "result"),
    [
        (b"%d", 5, b"5"),
        (b"%d", MINUS_ONE, b"-1"),
        (b"%i", 0x1_0000_0005, b"5"),
        (b"%d", 0x8000_0000, b"-2147483648"),
        (b"%u", MINUS_ONE, b"4294967295"),
        (b"%x", 0xABCDEF, b"abcdef"),
        (b"%X", 0xABCDEF, b"ABCDEF"),
        (b"%#x", 255, b"0xff"),
        (b"%#x", 0, b"0"),
        (b"%#X", 255, b"0XFF"),
        (b"%o", 8, b"10"),
        (b"%#o", 8, b"010"),
        (b"%#o", 0, b"0"),
        (b"%c", 0x141, b"A"),
        (b"%3c", 0x41, b"  A"),
        (b"%-3c|", 0x41, b"A  |"),
        (b"%p", 0x1234, b"0x1234"),
        (b"%p", 0, b"0x0"),
        (b"%10p", 0x1234, b"    0x1234"),
        (b"%ld", MINUS_ONE, b"-1"),
        (b"%lu", MINUS_ONE, b"18446744073709551615"),
        (b"%lx", MINUS_ONE, b"ffffffffffffffff"),
        (b"%lld", 1 << 63, b"-9223372036854775808"),
        (b"%llu", 1 << 63, b"9223372036854775808"),
        (b"%llx", 0x123456789A, b"123456789a"),
        (b"%hd", 0x1FFFF, b"-1"),
        (b"%hhu", 0x1FF, b"255"),
        (b"%zu", MINUS_ONE, b"18446744073709551615"),
        (b"%5d", 42, b"   42"),
        (b"%-5d|", 42, b"42   |"),
        (b"%05d", MINUS_ONE, b"-0001"),
        (b"%+d", 5, b"+5"),
        (b"% d", 5, b" 5"),
        (b"%+u", 5, b"5"),
        (b"%.3d", 5, b"005"),
        (b"%05.3d", 5, b"  005"),
        (b"%08x", 0xBEEF, b"0000beef"),
        (b"%#08x", 0xBEEF, b"0x00beef"),
        (b"%-#8x|", 0xBEEF, b"0xbeef  |"),
        (b"%.4x", 0xB, b"000b"),
        (b"100%%, %d", 1, b"100%, 1"),
    ],
)
def test_conversions(text: bytes, argument: int, result: bytes) -> None:
    assert printed(text, argument) == result


@pytest.mark.parametrize("text", [b"%ld", b"%zd", b"%td"])
def test_a_long_is_as_long_as_the_guests(text: bytes) -> None:
    assert printed(text, 0x1_FFFF_FFFF, long_size=4) == b"-1"
    assert printed(text, 0x1_FFFF_FFFF, long_size=8) == b"8589934591"


def test_so_is_a_pointer() -> None:
    assert printed(b"%p", MINUS_ONE, long_size=4) == b"0xffffffff"


def test_arguments_are_taken_in_order() -> None:
    assert printed(b"%d of %d", 1, 2) == b"1 of 2"


def test_escapes_arrive_as_they_were_typed() -> None:
    assert printed(rb"a\tb\n\\ \" \101\e") == b'a\tb\n\\ " A\x1b'


class TestStrings:
    @pytest.mark.parametrize(
        ("text", "address", "result"),
        [
            (b"<%s>", 0x1005, b"<>"),
            (b"<%8s>", 0x1000, b"<   hello>"),
            (b"<%-8s>", 0x1000, b"<hello   >"),
            (b"<%.2s>", 0x1000, b"<he>"),
            (b"%s", 0x4100, b"long" * 40),
            (b"%s", 0x2000, b"x" * MAX_STRING),
        ],
    )
    def test_are_read_from_memory(self, text: bytes, address: int, result: bytes) -> None:
        texts = {0x1000: b"hello", 0x2000: b"x" * (MAX_STRING + 100), 0x4100: b"long" * 40}
        memory = {start: text + bytes(64) for start, text in texts.items()}

        assert printed(text, address, memory=memory) == result

    def test_nothing_is_read_where_nothing_is_shown(self) -> None:
        assert printed(b"%.0s", 0x1000) == b""

    def test_a_string_may_end_with_its_page(self) -> None:
        assert printed(b"%s", 0x1FFD, memory={0x1FC0: b"." * 61 + b"ab\0"}) == b"ab"

    def test_one_that_goes_on_where_nothing_is_mapped(self) -> None:
        with pytest.raises(MemoryFault):
            printed(b"%s", 0x1FC0, memory={0x1FC0: b"." * 64})

    def test_one_at_the_end_of_all_addresses_goes_on_at_the_first(self) -> None:
        memory = {(1 << 64) - 64: b"-" * 64, 0: b"!\0".ljust(64)}

        assert printed(b"%s", (1 << 64) - 2, memory=memory) == b"--!"

    def test_only_they_need_memory(self) -> None:
        assert parse_format(b"%d %s", 8).reads_memory
        assert not parse_format(b"%d %p", 8).reads_memory


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"%f", "the stub cannot print '%f', only %d"),
        (b"%5.2g", "'%5.2g'"),
        (b"%n", "'%n'"),
        (b"%*d", "'%*'"),
        (b"%ls", "'%ls': wide characters"),
        (b"%lc", "'%lc': wide characters"),
        (b"%5000d", "'%5000d' is wider than 4096"),
        (b"%.99999x", "is wider than"),
        (b"50%", "ends in a lone %"),
        (b"\\", "ends in a lone \\"),
        (rb"\q", "the escape 'q'"),
    ],
)
def test_what_cannot_be_printed(text: bytes, reason: str) -> None:
    with pytest.raises(FormatError) as refused:
        parse_format(text, 8)

    assert reason in str(refused.value)
