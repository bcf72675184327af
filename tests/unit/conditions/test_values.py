"""Elements of the stack, and what is known of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.conditions.values import Value, constant, extended, sign_extended, signed_bounds


@given(st.integers(1, 64), st.data())
def test_the_two_ways_to_extend_a_sign_agree(bits: int, data: st.DataObject) -> None:
    """At compile time, and in the compiled code."""
    number = data.draw(st.integers(0, (1 << bits) - 1))

    result = sign_extended(number, bits)

    assert eval(extended("number", bits), {"number": number}) == result  # noqa: S307
    assert result % (1 << bits) == number
    low, high = signed_bounds(bits)
    assert low <= result <= high


def test_a_constant_can_be_written_anywhere() -> None:
    assert constant(-1) == Value("(-1)", -1, -1)
    assert constant(5).constant == 5


def test_what_is_not_known_is_no_constant() -> None:
    assert Value("t1", 0, 1).constant is None


def test_forms() -> None:
    assert Value("t1", 0, (1 << 63) - 1).is_signed
    assert not Value("t1", 0, 1 << 63).is_signed
    assert Value("t1", 0, (1 << 64) - 1).is_unsigned
    assert not Value("t1", -1, 0).is_unsigned
