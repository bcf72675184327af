"""The file that init writes."""

import re
from pathlib import Path

import pytest

from kvmgdb.config.load import load
from kvmgdb.config.resolved import DEFAULTS
from kvmgdb.config.template import template
from kvmgdb.errors import ConfigError


def loaded(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "kvmgdb.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_it_holds_the_defaults(tmp_path: Path) -> None:
    assert load(loaded(tmp_path, template())).config == DEFAULTS


def test_its_comments_show_the_defaults_too(tmp_path: Path) -> None:
    examples = ("arch", "image", "entry", "trace")
    text = re.sub(r"(?m)^( *)# (?=\w+: \S+$)", r"\1", template())
    origins = load(loaded(tmp_path, text)).origins
    assert {str(origin) for origin in origins.values()} == {str(o) for o in origins.values() if o.name}
    kept = "\n".join(
        line for line in text.splitlines() if not line.strip().startswith(tuple(f"{e}:" for e in examples))
    )
    assert load(loaded(tmp_path, kept)).config == DEFAULTS


def test_names_are_filled_in(tmp_path: Path) -> None:
    config = load(loaded(tmp_path, template("ppc:440", "kvm"))).config
    assert (config.arch, config.backend) == ("ppc:440", "kvm")


def test_a_name_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'^expected an architecture such as x86 or ppc:440, found "a b"$'):
        template("a b")
    with pytest.raises(ConfigError, match=r"^expected a backend such as emulator, kvm or qemu, found "):
        template(backend="k: v")
