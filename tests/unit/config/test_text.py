"""How messages show what they found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.config.text import did_you_mean, printable, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("12Q", '"12Q"'),
        ("", '""'),
        (5, "5"),
        (1.5, "1.5"),
        (True, "true"),
        (None, "nothing"),
        ({"a": 1}, "a mapping"),
        ([1], "a list"),
        (1 << 70, "a number of more than 64 bits"),
        ("x" * 61, f'"{"x" * 60}..."'),
    ],
)
def test_values(value: object, text: str) -> None:
    assert shown(value) == text


def test_what_a_terminal_would_obey_becomes_an_escape() -> None:
    assert printable("a\x1b[31m\nb\u2028é\udc80") == r"a\x1b[31m\nb\u2028é\udc80"


@given(st.text())
def test_a_message_stays_on_one_line(text: str) -> None:
    assert len(printable(text).splitlines()) <= 1
    assert shown(text).isprintable()


def test_the_nearest_word_is_suggested() -> None:
    assert did_you_mean("entri", ["image", "entry"]) == '; did you mean "entry"?'


def test_nothing_is_suggested_when_nothing_is_near() -> None:
    assert did_you_mean("colour", ["image", "entry"]) == ""
