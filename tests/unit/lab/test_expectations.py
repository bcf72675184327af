"""What was expected against what was found."""

from __future__ import annotations

import pytest

from kvmgdb.config.lab import Expect
from kvmgdb.lab.expectations import checks, patterns
from kvmgdb.lab.results import Check


def failed(expect: Expect, **found: object) -> list[Check]:
    about = {"transcript": "", "console": "", "status": None, "found": {}, **found}
    return [check for check in checks(expect, **about) if not check.passed]  # type: ignore[arg-type]


def test_nothing_expected_is_nothing_checked() -> None:
    assert checks(Expect(), "text", "text", 1, {}) == []


def test_patterns_are_looked_for_in_their_order() -> None:
    text = "one\ntwo\nthree\n"

    assert [c.passed for c in patterns("output", ("one", "^t.*$", "three"), text)] == [True] * 3
    [first, second] = patterns("output", ("three", "one"), text)
    assert first.passed
    assert (second.passed, second.found) == (False, "only before the pattern above it")


@pytest.mark.parametrize(
    ("text", "found"), [("", "nothing"), ("the end\n", "nowhere; it ends with:\nthe end")]
)
def test_a_pattern_that_is_nowhere(text: str, found: str) -> None:
    [check] = patterns("console", ("x",), text)

    assert check == Check("console, pattern 1", "x", found, passed=False)


def test_each_pattern_is_looked_for_behind_the_match_before_it() -> None:
    assert [c.passed for c in patterns("output", ("a", "a", "a"), "aa")] == [True, True, False]


def test_values_registers_and_memory() -> None:
    expect = Expect(values={"n": 5, "s": '"ada"'}, registers={"pc": 0x20}, memory={"&n": "dead"})
    answers = {
        "values": {"n": {"found": "5"}, "s": {"found": '"ada"'}},
        "registers": {"pc": {"found": "0x20"}},
        "memory": {"&n": {"found": "dead"}},
    }

    assert failed(expect, found=answers) == []
    answers["registers"]["pc"] = {"found": "0x24"}
    answers["memory"]["&n"] = {"problem": "Cannot access memory at address 0x0"}
    assert [(c.what, c.expected, c.found) for c in failed(expect, found=answers)] == [
        ("register pc", "0x20", "0x24"),
        ("memory at &n", "dead", "Cannot access memory at address 0x0"),
    ]


def test_gdb_s_errors_are_failures_but_for_those_that_are_expected() -> None:
    answers = {"errors": [{"command": "print 1/0", "error": "Division by zero"}]}

    [check] = failed(Expect(), found=answers)
    assert (check.what, check.expected, check.found) == (
        "gdb command print 1/0",
        "no error",
        "Division by zero",
    )
    assert failed(Expect(errors=("zero$",)), found=answers) == []
    [check] = failed(Expect(errors=("zero", "one")), found=answers)
    assert (check.expected, check.found) == ("one", "no such error")


def test_numbers_with_a_point_and_text_without_quotes() -> None:
    expect = Expect(values={"f": 0.1, "s": "ada", "n": 0.5})
    answers = {
        "f": {"found": "0.10000000000000001"},
        "s": {"found": '"ada"'},
        "n": {"found": "<optimized out>"},
    }

    assert [check.what for check in failed(expect, found={"values": answers})] == ["value of n"]


def test_the_end_of_a_text_begins_with_a_line() -> None:
    [check] = patterns("output", ("x",), "a" * 300 + "\nthe last\nlines")

    assert check.found == "nowhere; it ends with:\nthe last\nlines"


def test_what_gdb_did_not_get_to_is_not_right() -> None:
    [check] = failed(Expect(values={"n": 5}))

    assert check.found == "gdb had ended before it was looked at"


@pytest.mark.parametrize(("status", "shown"), [(None, "it has not ended"), (1, "1")])
def test_the_exit_status(status: int | None, shown: str) -> None:
    [check] = failed(Expect(exit=0), status=status)

    assert (check.expected, check.found) == ("0", shown)
    assert failed(Expect(exit=1), status=1) == []
