"""Every example in ``configs/``, as it is, served through the command line to a real gdb."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import gdb as gdb_support
from tests.support.guests import sample
from tests.support.serve import serving

CONFIGS = Path(__file__).parents[2] / "configs"
BREAKPOINT_STOPS = {
    "x86-sample": "x86:64",
    "ppc-sample": "ppc:440",
    "policy-transparent": "x86:64",
    "policy-gdb-owned": "x86:64",
    "policy-minimal": "x86:64",
    "policy-hardware": "x86:64",
    "policy-catch-all": "x86:64",
}
BOOT_SECTOR = "boot-sector"


def test_each_example_is_tried_here() -> None:
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == {*BREAKPOINT_STOPS, BOOT_SECTOR}


@pytest.mark.parametrize("name", BREAKPOINT_STOPS)
def test_the_sample_guest_stops_at_a_breakpoint_and_ends(name: str) -> None:
    with (
        serving("--config", str(CONFIGS / f"{name}.yaml")) as server,
        gdb_support.attached(server.target, sample(BREAKPOINT_STOPS[name])) as gdb,
    ):
        assert "amount=50" in gdb.script("break deposit", "continue")
        policy = gdb.run("monitor policy")
        assert name.startswith("policy-") <= (f"preset: {name.removeprefix('policy-')}\n" in policy)
        assert "exited normally" in gdb.script("delete", "continue")
        assert server.wait() == 0


def test_the_boot_sector_prints_and_ends() -> None:
    with serving("--config", str(CONFIGS / "boot-sector.yaml"), "--run") as server:
        assert "hello from the boot sector" in server.wait_for_error_text("status 0")
        assert server.wait() == 0
