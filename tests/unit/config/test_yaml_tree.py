"""YAML: what is read, and what is refused with its place."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.config import yaml_tree
from kvmgdb.config.tree import Origin, Source
from kvmgdb.config.yaml_tree import MAX_BYTES, MAX_DEPTH, MAX_NODES, parse_scalar, parse_yaml, read_yaml
from kvmgdb.errors import ConfigError


def problem(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "f.yaml")
    return str(caught.value)


def test_every_value_and_every_key_has_its_place() -> None:
    tree = parse_yaml("# a comment\nguest:\n  memory: 16MiB\n", "lab.yaml")
    node, _ = tree.locate(("guest", "memory"))
    assert node.origin == Origin(Source.FILE, "lab.yaml", 3, 11)
    assert node.key == Origin(Source.FILE, "lab.yaml", 3, 3)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x1000", 0x1000),
        ("-5", -5),
        ("1_000", 1000),
        ("0b101", 5),
        ("1.5", 1.5),
        ("true", True),
        ("off", False),
        ("", None),
        ("~", None),
        ("x86:64", "x86:64"),
        ("tcp:127.0.0.1:1234", "tcp:127.0.0.1:1234"),
        ("2024-01-01", "2024-01-01"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    assert parse_scalar(text) == value
    assert type(parse_scalar(text)) is type(value)


@pytest.mark.parametrize("text", ["0100", "1:30", "0x_", "0b_"])
def test_numbers_of_yaml_1_1_that_nobody_means_stay_text(text: str) -> None:
    assert parse_scalar(text) == text


@given(st.text())
def test_any_text_is_some_scalar(text: str) -> None:
    parse_scalar(text)


def test_explicit_standard_tags_are_read_as_far_as_the_text_allows() -> None:
    tree = parse_yaml("a: !!str 5\nb: !!float x\nc: !!bool x\nd: !!int x\n", "f")
    assert tree.plain() == {"a": "5", "b": "x", "c": "x", "d": "x"}


def test_a_key_is_always_its_text() -> None:
    assert parse_yaml("on: 1\n5: 2\n~: 3\n", "f").plain() == {"on": 1, "5": 2, "~": 3}


def test_an_alias_stands_for_the_same_value_and_keeps_the_place_of_its_anchor() -> None:
    tree = parse_yaml("a: &x 16MiB\nb: *x\n", "f")
    node, _ = tree.locate(("b",))
    assert node.value == "16MiB"
    assert node.origin == Origin(Source.FILE, "f", 1, 4)


def test_merge_keys() -> None:
    text = """\
base: &base {memory: 16MiB, entry: 1}
other: &other {entry: 2, image: a}
one: {entry: 3, <<: *base}
many: {<<: [*base, *other]}
"""
    tree = parse_yaml(text, "f").plain()
    assert isinstance(tree, dict)
    assert tree["one"] == {"memory": "16MiB", "entry": 3}
    assert tree["many"] == {"memory": "16MiB", "entry": 1, "image": "a"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.yaml:1:1: expected keys and values (version: 1, ...), found an empty file"),
        ("# only a comment\n", "f.yaml:1:1: expected keys and values (version: 1, ...), found an empty file"),
        ("hello", 'f.yaml:1:1: expected keys and values (version: 1, ...), found "hello"'),
        ("\n- a", "f.yaml:2:1: expected keys and values (version: 1, ...), found a list"),
        ("guest:\n\timage: a", "f.yaml:2:1: not valid YAML: a tab; YAML takes spaces only"),
        ("a: b: c", 'f.yaml:1:5: not valid YAML: a second ": " here; text that holds one needs quotes'),
        ("a: 1\nb:2\nc: 3", 'f.yaml:2:1: not valid YAML: a line without ": " between a key and its value'),
        ("a:\n  b: 1\n c: 2", "f.yaml:3:2: not valid YAML: this line's indentation fits none above it"),
        ("a: {b: 1\nc: 2", 'f.yaml:2:2: not valid YAML: expected "," or "}" for the "{" at 1:4'),
        ("a: [b\nc", 'f.yaml:2:2: not valid YAML: expected "," or "]" for the "[" at 1:4'),
        (
            "<<: {a: 1}\n<<: {b: 1}",
            "f.yaml:2:1: <<: this key stands here twice (first at 1:1); <<: [*one, *other] takes several",
        ),
        (
            "a: 'x",
            "f.yaml:1:4: not valid YAML: a quote that is never closed",
        ),
        ("a: *nope", "f.yaml:1:4: not valid YAML: found undefined alias 'nope'"),
        ("a: 1\nb: \x01", r'f.yaml:2:4: not valid YAML: the character "\x01"'),
        (
            "a: 1\n---\nb: 2",
            "f.yaml:2:1: not valid YAML: expected a single document in the stream, "
            "but found another document",
        ),
        ("a: 1\nb: 2\na: 3", "f.yaml:3:1: a: this key stands here twice (first at 1:1)"),
        ("g: {b: 1, b: 2}", "f.yaml:1:11: g.b: this key stands here twice (first at 1:5)"),
        ("? [a]\n: b", "f.yaml:1:3: expected a name as key, found a list or a mapping"),
        ("<<: 5", "f.yaml:1:5: <<: expected a mapping or a list of mappings"),
        ("a: !foo b", 'f.yaml:1:4: a: expected plain YAML, found the tag "!foo"'),
        (
            "a: !!python/object:os.x {}",
            'f.yaml:1:4: a: expected plain YAML, found the tag "tag:yaml.org,2002:python/object:os.x"',
        ),
    ],
)
def test_one_line_says_what_is_wrong_and_where(text: str, message: str) -> None:
    assert problem(text) == message


def test_all_duplicate_keys_are_reported() -> None:
    assert len(problem("a: 1\na: 2\nb: 1\nb: 2\n").splitlines()) == 2


def test_a_thousand_million_laughs_end_at_once() -> None:
    laughs = ["a0: &a0 [ha]"]
    laughs += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 20)]
    assert problem("\n".join(laughs)).endswith(f"more than {MAX_NODES} values once every alias is expanded")


@pytest.mark.parametrize("text", ["a: &x {b: *x}", "a: &x [*x]", "a: &x {<<: *x}"])
def test_an_alias_that_contains_itself_ends(text: str) -> None:
    assert (
        problem(text) == f"f.yaml:1:4: nested deeper than {MAX_DEPTH} levels: does an alias contain itself?"
    )


def test_deep_nesting_ends() -> None:
    where = f"f.yaml:1:{3 + MAX_DEPTH - 1}"
    assert problem("a: " + "[" * 5000) == f"{where}: not valid YAML: nested deeper than {MAX_DEPTH} levels"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_a_tree_or_an_error(text: str) -> None:
    with suppress(ConfigError):
        parse_yaml(text, "f.yaml")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(tmp_path / "no.yaml")
    assert str(caught.value) == f"{tmp_path}/no.yaml: cannot be read: No such file or directory"


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r": cannot be read: Is a directory$"):
        read_yaml(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfversion: 1\n")
    assert read_yaml(file).plain() == {"version": 1}


def test_text_that_is_not_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes("version: 1\ntrace: café\n".encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        read_yaml(file)
    assert str(caught.value) == f"{file}:2:11: expected UTF-8 text, found the byte 0xe9"


def test_a_file_that_is_far_too_large(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ConfigError, match=r"larger than 64 KiB: not a configuration$"):
        read_yaml(file)
    assert yaml_tree.MAX_BYTES == 64 * 1024
