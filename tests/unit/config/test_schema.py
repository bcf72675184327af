"""The JSON Schema agrees with what is read."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from kvmgdb.config.lab import load_lab
from kvmgdb.config.load import load
from kvmgdb.config.schema import json_schema
from kvmgdb.config.template import template
from kvmgdb.config.yaml_tree import parse_yaml
from kvmgdb.errors import ConfigError

EXAMPLES = Path(__file__).parents[3] / "configs"
GOOD = [
    template(),
    template("ppc:440", "kvm"),
    "version: 1",
    "version: 1\nguest: {image: a.elf, memory: 16MiB, entry: 0x1000}",
    "version: 1\nguest: {image: {path: a, address: '0x10'}, memory: 4096}",
    "version: 1\nguest: {image: [a, {path: b}], memory: 4 m}",
    "version: 1\nbackend: {kind: kvm, device: /dev/kvm, irqchip: true}",
    "version: 1\npolicy: minimal\nlisten: stdio",
    "version: 1\npolicy: {on_disconnect: exit}\nlisten: 'tcp:[::1]:0'",
    "version: 1\ninclude: []\nonce: true",
]
BAD = [
    "arch: x86",
    "version: 2",
    "version: 1\ncolour: red",
    "version: 1\narch: 440",
    "version: 1\narch: 'x86:'",
    "version: 1\nguest: {memory: 16MB}",
    "version: 1\nguest: {memory: 5000}",
    "version: 1\nguest: {memory: 4294967296}",
    "version: 1\nguest: {entry: -1}",
    "version: 1\nguest: {entry: main}",
    "version: 1\nguest: {image: [{address: 1}]}",
    "version: 1\nguest: {image: 5}",
    "version: 1\nguest:",
    "version: 1\nlisten: 127.0.0.1:1",
    "version: 1\nonce: maybe",
    "version: 1\npolicy: minmal",
    "version: 1\npolicy: {watchpoints: gdb}",
    "version: 1\nbackend: [kvm]",
    "version: 1\ntrace: ''",
]
GOOD_LABS = [
    "version: 1\nguests: {a: {}}",
    "version: 1\ntitle: t\ndefaults: {arch: x86}\nguests: {a: {}, b: {policy: minimal, guest: {image: x}}}",
    "version: 1\nguests: {a: {include: []}}\nsessions: {s: {guest: a, gdb: continue}}",
    """version: 1
guests: {a: {}}
sessions:
  s:
    guest: a
    task: Find it.
    gdb: [break main, continue]
    timeout: 2.5
    expect: {output: x, console: [y, z], errors: e,
             values: {a: 1, b: "2", c: 1.5, d: true}, registers: {pc: '0x10'},
             memory: {"&a": "de ad"}, exit: 0}""",
]
BAD_LABS = [
    "version: 1\nguests: {a: {}}\nsessions: {s: {guest: a}}",
    "version: 1\nguests: {a: {}}\nsessions: {s: {guest: a, gdb: c, python: x}}",
    "version: 1\nguests: {}",
    "version: 1\nsessions: {}",
    "guests: {}",
    "version: 1\nguests: [a]",
    "version: 1\nguests: {'a b': {}}",
    "version: 1\nguests: {a: {version: 1}}",
    "version: 1\nguests: {a: {memory: 1}}",
    "version: 1\nguests: {a: {}}\nsessions: {s: {gdb: [x]}}",
    "version: 1\nguests: {a: {}}\nsessions: {s: {guest: a, gdb: [5]}}",
    "version: 1\nguests: {a: {}}\nsessions: {s: {guest: a, gdb: x, timeout: 0}}",
    "version: 1\nguests: {a: {}}\nsessions: {s: {guest: a, gdb: x, expect: {colour: red}}}",
    "version: 1\nguests: {a: {}}\nsessions: {s: {guest: a, gdb: x, expect: {memory: {a: dead beat}}}}",
]
VALIDATOR = Draft202012Validator(json_schema())


def test_it_is_a_schema() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_valid(path: Path) -> None:
    tree = parse_yaml(path.read_text(), path.name)
    assert list(Draft202012Validator(json_schema()).iter_errors(tree.plain())) == []


@pytest.mark.parametrize("text", GOOD)
def test_both_accept(text: str, tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(text, encoding="utf-8")
    load(file)
    VALIDATOR.validate(parse_yaml(text, "f").plain())


@pytest.mark.parametrize("text", BAD)
def test_both_refuse(text: str, tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load(file)
    assert not VALIDATOR.is_valid(parse_yaml(text, "f").plain())


@pytest.mark.parametrize("text", GOOD_LABS)
def test_both_accept_a_lab(text: str, tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(text, encoding="utf-8")
    load_lab(file)
    VALIDATOR.validate(parse_yaml(text, "f").plain())


@pytest.mark.parametrize("text", BAD_LABS)
def test_both_refuse_a_lab(text: str, tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_lab(file)
    assert not VALIDATOR.is_valid(parse_yaml(text, "f").plain())


def test_every_key_is_described() -> None:
    schema = json_schema()
    sections = [section for section in schema["$defs"].values() if "properties" in section]
    for section in sections:
        for name, key in section["properties"].items():
            alternatives = [key, *key.get("anyOf", [])]
            named = [
                schema["$defs"][item["$ref"].rpartition("/")[2]] for item in alternatives if "$ref" in item
            ]
            assert any("description" in item for item in (*alternatives, *named)), name
