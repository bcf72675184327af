"""The environment, the flags and --set as trees."""

from pathlib import Path

import pytest

from kvmgdb.config.sources import NAMES, environment_tree, flag_of, flags_tree, set_tree, variable_of
from kvmgdb.config.tree import Source
from kvmgdb.errors import ConfigError


def test_flags_and_variables_follow_from_the_name() -> None:
    assert flag_of("allow_remote") == "--allow-remote"
    assert variable_of("allow_remote") == "KVMGDB_ALLOW_REMOTE"


def test_every_name_has_a_variable_and_a_flag() -> None:
    environment = {variable_of(name): "x" for name in NAMES}
    flags = dict.fromkeys(NAMES, "x")
    for tree in (environment_tree(environment), flags_tree(flags)):
        for key in NAMES.values():
            assert tree.locate(tuple(key.split(".")))[1] == key


def test_the_environment_names_its_variable() -> None:
    tree = environment_tree({"KVMGDB_MEMORY": "4M", "HOME": "/root"})
    assert tree.plain() == {"guest": {"memory": "4M"}}
    assert str(tree.locate(("guest", "memory"))[0].origin) == "environment KVMGDB_MEMORY"


def test_other_variables_of_ours_are_not_configuration() -> None:
    assert environment_tree({"KVMGDB_DISABLE_PLUGINS": "x86", "KVMGDB_TRACE_HOOKS": "1"}).plain() == {}


def test_an_empty_variable_counts_as_not_set() -> None:
    assert environment_tree({"KVMGDB_ARCH": ""}).plain() == {}


def test_flags_keep_their_types_and_name_themselves() -> None:
    tree = flags_tree({"image": ["a", "b@0x10"], "trace": Path("t"), "once": False, "entry": 5})
    assert tree.plain() == {
        "guest": {"image": ["a", "b@0x10"], "entry": 5},
        "trace": "t",
        "once": False,
    }
    assert str(tree.locate(("guest", "image", 1))[0].origin) == "flag --image"


def test_none_and_an_empty_list_are_flags_that_were_not_given() -> None:
    assert flags_tree({"arch": None, "image": [], "policy": None}).plain() == {}


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("policy=minimal", {"policy": "minimal"}),
        ("guest.entry=0x1000", {"guest": {"entry": 0x1000}}),
        ("backend.device=/dev/kvm=1", {"backend": {"device": "/dev/kvm=1"}}),
        ("once = true", {"once": True}),
        ("trace=", {"trace": None}),
    ],
)
def test_a_set_is_a_dotted_key_and_a_yaml_scalar(text: str, plain: object) -> None:
    tree = set_tree(text)
    assert tree.plain() == plain


def test_a_set_names_its_key_as_origin() -> None:
    node, _ = set_tree("guest.entry=1").locate(("guest", "entry"))
    assert (node.origin.source, str(node.origin)) == (Source.FLAG, "flag --set guest.entry")


@pytest.mark.parametrize("text", ["", "arch", "=x", "guest.=1", ".a=1", "a..b=1"])
def test_what_is_no_set(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        set_tree(text)
    assert str(caught.value) == (f'flag --set: expected KEY=VALUE such as guest.memory=16MiB, found "{text}"')


@pytest.mark.parametrize("key", ["version", "include"])
def test_what_only_a_file_can_say(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        set_tree(f"{key}=1")
    assert str(caught.value) == f"flag --set {key}: only a file can say this"


@pytest.mark.parametrize(
    ("variable", "meant"), [("KVMGDB_ARCHH", "KVMGDB_ARCH"), ("KVMGDB_LISTN", "KVMGDB_LISTEN")]
)
def test_a_variable_that_is_nearly_one_of_ours(
    caplog: pytest.LogCaptureFixture, variable: str, meant: str
) -> None:
    assert environment_tree({variable: "x"}).plain() == {}
    assert caplog.messages == [f'environment {variable}: no such variable; did you mean "{meant}"?']


def test_other_variables_are_somebody_elses(caplog: pytest.LogCaptureFixture) -> None:
    environment_tree(
        {"KVMGDB_DISABLE_PLUGINS": "ppc", "KVMGDB_TRACE_HOOKS": "1", "KVMGDB_ARCH": "x", "ARCHH": ""}
    )
    assert caplog.messages == []
