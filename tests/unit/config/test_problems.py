"""Many mistakes in one error."""

import pytest

from kvmgdb.config.problems import MAX_PROBLEMS, raise_problems
from kvmgdb.errors import ConfigError


def test_no_problem_is_no_error() -> None:
    raise_problems([])


def test_one_line_each_and_none_twice() -> None:
    with pytest.raises(ConfigError) as caught:
        raise_problems(["b", "a", "b"])
    assert str(caught.value) == "b\na"


@pytest.mark.parametrize(("extra", "last"), [(1, "and 1 more problem"), (3, "and 3 more problems")])
def test_a_flood_is_cut(extra: int, last: str) -> None:
    with pytest.raises(ConfigError) as caught:
        raise_problems(str(number) for number in range(MAX_PROBLEMS + extra))
    lines = str(caught.value).splitlines()
    assert len(lines) == MAX_PROBLEMS + 1
    assert lines[-1] == last
