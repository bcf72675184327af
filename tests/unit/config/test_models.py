"""The shape of a file: short forms, and that no value of any type breaks the reading."""

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.config.check import validate
from kvmgdb.config.layers import layer_of
from kvmgdb.config.models import SERVE, SERVE_KEYS
from kvmgdb.config.resolve import contradictions, resolve
from kvmgdb.config.yaml_tree import parse_yaml

SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text("akx0126:@.\x00MiB/", max_size=8)
    | st.sampled_from(
        ["kvm", "minimal", "hardware", "refuse", "stdio", "tcp:127.0.0.1:0", "unix:s", "16MiB", "pause"]
    )
)
KEYS = st.sampled_from(
    [*sorted({key for keys in SERVE_KEYS.values() for key in keys} - {"version"}), "colour"]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
)
FILES = st.dictionaries(KEYS, VALUES, max_size=4).map(lambda data: {"version": 1, **data})


def read(text: str) -> tuple[Any, list[str]]:
    problems: list[str] = []
    return validate(SERVE, parse_yaml(text, "f.yaml"), SERVE_KEYS, problems), problems


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("policy: minimal", "policy: {preset: minimal}"),
        ("backend: kvm", "backend: {kind: kvm}"),
        ("guest: {image: a.elf}", "guest: {image: [{path: a.elf}]}"),
        ("guest: {image: a.bin@0x10}", "guest: {image: {path: a.bin, address: 16}}"),
        ("include: a.yaml", "include: [a.yaml]"),
    ],
)
def test_a_short_form_means_the_long_one(short: str, long: str) -> None:
    data, problems = read(f"version: 1\n{short}")
    assert data is not None
    assert (data, problems) == read(f"version: 1\n{long}")


@given(FILES)
def test_any_file_is_read_or_told_wrong_line_by_line(content: dict[str, Any]) -> None:
    text = yaml.safe_dump(content)
    data, problems = read(text)
    if data is None:
        assert problems
        assert all(re.fullmatch(r"f\.yaml:\d+:\d+: \S.*", line) for line in problems)
    else:
        contradictions(resolve(layer_of(data, parse_yaml(text, "f.yaml"))))
