"""What is written resolves to what it was made of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kvmgdb.config.listen import UnixAddress
from kvmgdb.config.load import load
from kvmgdb.config.resolved import DEFAULTS, ServeConfig
from kvmgdb.config.values import ImageSpec
from kvmgdb.config.written import absolute, document
from kvmgdb.policy import PRESETS, Watchpoints

CONFIGS = [
    DEFAULTS,
    replace(DEFAULTS, arch="ppc:440", entry=0x100, run=True, memory=8 << 20, backend="kvm"),
    replace(DEFAULTS, backend="kvm", backend_options={"device": "/dev/kvm"}),
    replace(DEFAULTS, policy=replace(PRESETS["minimal"].policy, watchpoints=Watchpoints.REFUSE)),
    replace(DEFAULTS, images=(ImageSpec(Path("/a/k.elf")), ImageSpec(Path("/b/r.bin"), 0x7C00)), once=True),
    replace(DEFAULTS, listen=UnixAddress(Path("/run/s")), trace=Path("/t.jsonl")),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_configuration_comes_back(config: ServeConfig, tmp_path: Path) -> None:
    file = tmp_path / "written.yaml"
    file.write_text(json.dumps(document(config)), "utf-8")

    assert load(file).config == config


def test_paths_can_be_made_to_hold_anywhere() -> None:
    relative = replace(
        DEFAULTS, images=(ImageSpec(Path("k")),), trace=Path("t"), listen=UnixAddress(Path("s"))
    )
    here = Path.cwd()

    found = absolute(relative)

    assert [image.path for image in found.images] == [here / "k"]
    assert (found.trace, found.listen) == (here / "t", UnixAddress(here / "s"))
