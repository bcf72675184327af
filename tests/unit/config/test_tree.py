"""Values that know where they were written."""

from pathlib import Path

import pytest

from kvmgdb.config.tree import Node, Origin, Source
from kvmgdb.config.yaml_tree import parse_yaml

TREE = parse_yaml(
    """\
policy: minimal
guest:
  image:
    - hello.elf
    - {path: boot.bin, address: 0x7c00}
""",
    "labs/lab.yaml",
)


@pytest.mark.parametrize(
    ("origin", "text", "place"),
    [
        (Origin(Source.FILE, "lab.yaml", 3, 7), "file lab.yaml:3:7", "lab.yaml:3:7"),
        (Origin(Source.FLAG, "--arch"), "flag --arch", "flag --arch"),
        (Origin(Source.ENVIRONMENT, "KVMGDB_ARCH"), "environment KVMGDB_ARCH", "environment KVMGDB_ARCH"),
        (Origin(Source.DEFAULT), "default", "default"),
        (
            Origin(Source.FLAG, "--policy", via="preset minimal"),
            "preset minimal (flag --policy)",
            "preset minimal (flag --policy)",
        ),
        (Origin(Source.FILE, "a\nb", 1, 1), r"file a\nb:1:1", r"a\nb:1:1"),
    ],
)
def test_an_origin_in_words(origin: Origin, text: str, place: str) -> None:
    assert str(origin) == text
    assert origin.place == place


def test_paths_of_a_file_are_relative_to_it_and_others_to_the_working_directory() -> None:
    assert Origin(Source.FILE, "labs/lab.yaml", 1, 1).folder == Path("labs")
    assert Origin(Source.FLAG, "--image").folder == Path()


@pytest.mark.parametrize(
    ("path", "name", "line", "column"),
    [
        (("guest", "image", 1, "path"), "guest.image[1].path", 5, 14),
        (("guest", "image", 0, "path"), "guest.image[0]", 4, 7),
        (("policy", "preset"), "policy", 1, 9),
        (("guest", "memory"), "guest", 3, 3),
        ((), "", 1, 1),
    ],
)
def test_the_nearest_node_on_the_way(path: tuple[str | int, ...], name: str, line: int, column: int) -> None:
    node, found = TREE.locate(path)
    assert found == name
    assert (node.origin.line, node.origin.column) == (line, column)


def test_list_positions_are_skipped_where_one_value_stands_for_a_list() -> None:
    tree = parse_yaml("image: {path: a, adress: 1}", "f")
    node, name = tree.locate(("image", 0, "adress"))
    assert name == "image.adress"
    assert node.key == Origin(Source.FILE, "f", 1, 18)


def test_a_tree_without_its_origins() -> None:
    assert TREE.plain() == {
        "policy": "minimal",
        "guest": {"image": ["hello.elf", {"path": "boot.bin", "address": 0x7C00}]},
    }
    assert Node(None, Origin(Source.DEFAULT)).plain() is None
