"""Files that include files."""

from pathlib import Path

import pytest

from kvmgdb.config.files import MAX_FILES, file_trees


@pytest.fixture(autouse=True)
def _working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path) -> tuple[list[str], list[str]]:
    problems: list[str] = []
    return [tree.origin.name for tree in file_trees(path, problems)], problems


def test_a_file_stands_above_what_it_includes_and_a_later_include_above_an_earlier() -> None:
    write("deep.yaml", "a: 1")
    write("one.yaml", "include: deep.yaml")
    write("two.yaml", "a: 1")
    top = write("top.yaml", "include: [one.yaml, two.yaml]")
    assert read(top) == (["deep.yaml", "one.yaml", "two.yaml", "top.yaml"], [])


def test_an_include_is_relative_to_the_file_that_has_it() -> None:
    write("sub/inner.yaml", "a: 1")
    write("sub/outer.yaml", "include: inner.yaml")
    assert read(write("top.yaml", "include: sub/outer.yaml")) == (
        ["sub/inner.yaml", "sub/outer.yaml", "top.yaml"],
        [],
    )


def test_a_missing_include_is_told_where_it_is_asked_for() -> None:
    names, problems = read(write("top.yaml", "a: 1\ninclude: [no.yaml]"))
    assert names == ["top.yaml"]
    assert problems == ['top.yaml:2:11: include: expected a file, found no "no.yaml"']


def test_a_circle_is_told_with_its_way() -> None:
    write("b.yaml", "a: 1\ninclude: a.yaml")
    _, problems = read(write("a.yaml", "include: b.yaml"))
    assert problems == ["b.yaml:2:10: include: a.yaml includes b.yaml includes a.yaml: a circle"]


def test_a_circle_through_a_link_is_still_one() -> None:
    Path("link.yaml").symlink_to("a.yaml")
    _, problems = read(write("a.yaml", "include: link.yaml"))
    assert problems == ["a.yaml:1:10: include: a.yaml includes link.yaml: a circle"]


def test_one_file_may_be_included_on_two_ways() -> None:
    write("base.yaml", "a: 1")
    write("left.yaml", "include: base.yaml")
    write("right.yaml", "include: base.yaml")
    names, problems = read(write("top.yaml", "include: [left.yaml, right.yaml]"))
    assert names == ["base.yaml", "left.yaml", "base.yaml", "right.yaml", "top.yaml"]
    assert problems == []


def test_files_that_double_each_time_end() -> None:
    write("f0.yaml", "a: 1")
    for number in range(1, 20):
        write(f"f{number}.yaml", f"include: [f{number - 1}.yaml, f{number - 1}.yaml]")
    names, problems = read(Path("f19.yaml"))
    assert len(names) == MAX_FILES
    assert problems[0].endswith(f"include: more than {MAX_FILES} files")


def test_mistakes_in_an_included_file_are_its_own() -> None:
    write("bad.yaml", "a: [")
    names, problems = read(write("top.yaml", "include: bad.yaml"))
    assert names == ["top.yaml"]
    assert problems[0].startswith("bad.yaml:1:5: not valid YAML: ")


def test_an_include_of_a_wrong_type_is_left_to_the_validation() -> None:
    assert read(write("top.yaml", "include: {a: 1}")) == (["top.yaml"], [])
    assert read(write("top.yaml", "include: [5, '']")) == (["top.yaml"], [])
