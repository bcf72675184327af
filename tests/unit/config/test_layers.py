"""How one layer stands above another."""

from pathlib import Path

from kvmgdb.config.layers import Layer, Setting, layer_of, stack
from kvmgdb.config.listen import UnixAddress
from kvmgdb.config.tree import Origin, Source
from kvmgdb.config.values import ImageSpec
from kvmgdb.config.yaml_tree import parse_yaml

FLAG = Origin(Source.FLAG, "--x")
FILE = Origin(Source.FILE, "f.yaml", 1, 1)


def layer(origin: Origin, **values: object) -> Layer:
    return {key.replace("__", "."): Setting(value, origin) for key, value in values.items()}


def values(stacked: Layer) -> dict[str, object]:
    return {key: setting.value for key, setting in stacked.items()}


def test_sections_become_dotted_keys_with_the_place_of_each() -> None:
    tree = parse_yaml("arch: x86\nguest: {memory: 4096}", "f.yaml")
    flat = layer_of({"arch": "x86", "guest": {"memory": 4096}}, tree)
    assert values(flat) == {"arch": "x86", "guest.memory": 4096}
    assert str(flat["guest.memory"].origin) == "file f.yaml:2:17"


def test_a_short_form_gives_its_place_to_what_it_stands_for() -> None:
    flat = layer_of({"policy": {"preset": "minimal"}}, parse_yaml("policy: minimal", "f.yaml"))
    assert str(flat["policy.preset"].origin) == "file f.yaml:1:9"


def test_paths_are_relative_to_the_file_that_names_them() -> None:
    text = (
        "guest: {image: [hello.elf, /abs.elf]}\ntrace: t\nlisten: unix:s\nbackend: {kind: kvm, device: dev}"
    )
    flat = layer_of(
        {
            "guest": {"image": [{"path": Path("hello.elf")}, {"path": Path("/abs.elf"), "address": 4}]},
            "trace": Path("t"),
            "listen": UnixAddress(Path("s")),
            "backend": {"kind": "kvm", "device": "dev"},
        },
        parse_yaml(text, "labs/f.yaml"),
    )
    assert values(flat) == {
        "guest.image": (ImageSpec(Path("labs/hello.elf")), ImageSpec(Path("/abs.elf"), 4)),
        "trace": Path("labs/t"),
        "listen": UnixAddress(Path("labs/s")),
        "backend.kind": "kvm",
        "backend.device": "dev",
    }


def test_the_upper_layer_wins_key_by_key() -> None:
    stacked = stack(layer(FILE, arch="x86", once=True), layer(FLAG, arch="ppc"))
    assert values(stacked) == {"arch": "ppc", "once": True}
    assert stacked["arch"].origin is FLAG
    assert stacked["once"].origin is FILE


def test_a_preset_replaces_the_whole_policy_below() -> None:
    below = layer(FILE, policy__preset="minimal", policy__watchpoints="refuse", arch="x86")
    stacked = stack(below, layer(FLAG, policy__preset="minimal"))
    assert values(stacked) == {"policy.preset": "minimal", "arch": "x86"}


def test_a_single_policy_key_leaves_the_preset_below() -> None:
    stacked = stack(layer(FILE, policy__preset="minimal"), layer(FLAG, policy__watchpoints="refuse"))
    assert values(stacked) == {"policy.preset": "minimal", "policy.watchpoints": "refuse"}


def test_another_backend_drops_the_options_of_the_one_below() -> None:
    below = layer(FILE, backend__kind="kvm", backend__device="/dev/kvm")
    assert values(stack(below, layer(FLAG, backend__kind="qemu"))) == {"backend.kind": "qemu"}


def test_the_same_backend_keeps_its_options() -> None:
    below = layer(FILE, backend__kind="kvm", backend__device="/dev/kvm")
    assert values(stack(below, layer(FLAG, backend__kind="kvm"))) == {
        "backend.kind": "kvm",
        "backend.device": "/dev/kvm",
    }


def test_options_without_a_kind_belong_to_the_default_backend() -> None:
    below = layer(FILE, backend__model="x")
    assert "backend.model" in stack(below, layer(FLAG, backend__kind="emulator"))
    assert "backend.model" not in stack(below, layer(FLAG, backend__kind="kvm"))
