"""How figures become verdicts."""

from __future__ import annotations

from bench.report import number, reached, times_better
from bench.rows import Better


def test_three_digits_are_shown() -> None:
    assert [number(v) for v in (15_321, 152.44, 9.406, 0.03121)] == ["15,300", "152", "9.41", "0.0312"]


def test_more_is_better_for_a_rate_and_less_for_a_time() -> None:
    assert times_better([20.0], [10.0], Better.MORE) == 2
    assert times_better([20.0], [10.0], Better.LESS) == 0.5


def test_ratios_are_made_within_a_round_and_then_the_median_is_taken() -> None:
    slow_second_round_for_both = times_better([10.0, 1.0, 10.0], [5.0, 0.5, 5.0], Better.MORE)
    assert slow_second_round_for_both == 2


def test_a_target_is_reached_from_its_better_side() -> None:
    assert (reached(11, 10, Better.MORE), reached(9, 10, Better.MORE)) == (True, False)
    assert (reached(11, 10, Better.LESS), reached(9, 10, Better.LESS)) == (False, True)
