"""Validation errors as lines."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from kvmgdb.config.check import validate
from kvmgdb.config.yaml_tree import parse_yaml


def _even(number: int) -> int:
    if number % 2:
        raise ValueError(f"expected an even number, found {number}")
    return number


@with_config(ConfigDict(extra="forbid"))
class Inner(TypedDict):
    number: Annotated[int, AfterValidator(_even)]


@with_config(ConfigDict(extra="forbid"))
class Outer(TypedDict, total=False):
    version: Annotated[int, AfterValidator(_even)]
    inner: Inner
    words: list[str]


ADAPTER = TypeAdapter[Outer](Outer)
KEYS = {(): ("version", "inner", "words"), ("inner",): ("number",)}


def lines(text: str) -> list[str]:
    problems: list[str] = []
    assert (validate(ADAPTER, parse_yaml(text, "f.yaml"), KEYS, problems) is None) == bool(problems)
    return problems


def test_what_is_right_comes_back() -> None:
    problems: list[str] = []
    data = validate(ADAPTER, parse_yaml("inner: {number: 2}\nwords: [a]", "f.yaml"), KEYS, problems)
    assert data == {"inner": {"number": 2}, "words": ["a"]}
    assert problems == []


def test_a_value_that_a_parser_refuses_is_told_in_its_words() -> None:
    assert lines("inner: {number: 3}") == ["f.yaml:1:17: inner.number: expected an even number, found 3"]


def test_wrong_types() -> None:
    assert lines("inner: 5\nwords: [a, 1, b]") == [
        "f.yaml:1:8: inner: expected a mapping, found 5",
        "f.yaml:2:12: words[1]: expected text, found 1",
    ]
    assert lines("words: a") == ['f.yaml:1:8: words: expected a list, found "a"']


def test_a_missing_key_is_told_at_the_mapping_that_misses_it() -> None:
    assert lines("inner: {}") == ['f.yaml:1:8: inner: the key "number" is missing']


def test_an_unknown_key_is_told_at_the_key() -> None:
    assert lines("inner: {number: 2,\n  numbr: 2}") == [
        'f.yaml:2:3: inner.numbr: unknown key; did you mean "number"?'
    ]


def test_a_key_in_the_wrong_mapping_is_sent_to_the_right_one() -> None:
    assert lines("number: 2") == ['f.yaml:1:1: number: unknown key; did you mean "inner.number"?']


def test_a_key_like_no_other_gets_the_list() -> None:
    assert lines("colour: 2") == ["f.yaml:1:1: colour: unknown key; known here: version, inner, words"]


def test_lines_follow_the_file() -> None:
    assert [line.split(": ")[0] for line in lines("words: 1\nzzz: 1\ninner: 1\nyyy: 1")] == [
        "f.yaml:1:8",
        "f.yaml:2:1",
        "f.yaml:3:8",
        "f.yaml:4:1",
    ]


def test_a_file_of_another_version_is_not_judged_further() -> None:
    assert lines("version: 3\nwords: 1\nfuture: 1") == [
        "f.yaml:1:10: version: expected an even number, found 3"
    ]
