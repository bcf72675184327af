"""Every example in ``configs/``, as it is, served through the command line to a real gdb."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import gdb as gdb_support
from tests.support import kvm_host
from tests.support.gdb import Gdb
from tests.support.guests import sample
from tests.support.lab import run_lab
from tests.support.serve import Serve, serving
from tests.support.tools import need

CONFIGS = Path(__file__).parents[2] / "configs"

SAMPLES = {
    "x86-sample": "x86:64",
    "x86-kvm": "x86:16",
    "ppc-sample": "ppc:440",
    "x86-qemu": "x86:64",
    "ppc-qemu": "ppc:e500v2",
    "policy-transparent": "x86:64",
    "policy-gdb-owned": "x86:64",
    "policy-minimal": "x86:64",
    "policy-hardware": "x86:64",
    "policy-catch-all": "x86:64",
}
"""Example -> the sample guest it serves."""
BOOT_SECTOR = "boot-sector"
LABS = ("course-lab", "ci-lab")
SELF_DEBUGGING_EXAMPLE = "self-debugging"
SELF_DEBUGGING = sample("x86:64").folder / "selfdebug64.elf"
"""A guest with a debugger of its own, which counts the debug events it gets."""


def _config(name: str) -> str:
    return str(CONFIGS / f"{name}.yaml")


def test_each_example_is_tried_here() -> None:
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == {
        *SAMPLES,
        *LABS,
        BOOT_SECTOR,
        SELF_DEBUGGING_EXAMPLE,
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_the_sample_guest_stops_at_a_breakpoint_and_ends(name: str) -> None:
    if name == "x86-kvm" and kvm_host.unavailable():
        pytest.skip(kvm_host.unavailable())
    if name.endswith("-qemu"):
        need(f"configs/{name}.yaml", "qemu-system-ppc" if name.startswith("ppc") else "qemu-system-x86_64")
    with (
        serving("--config", _config(name)) as server,
        gdb_support.attached(server.target, sample(SAMPLES[name])) as gdb,
    ):
        assert "amount=50" in gdb.script("break deposit", "continue")
        assert "exited normally" in gdb.script("delete", "continue")
        assert server.wait() == 0


# -- what the comment of each policy example promises ------------------------------------------------


@pytest.fixture
def serve(policy: str) -> Iterator[Serve]:
    with serving("--config", _config(f"policy-{policy}")) as server:
        yield server


@pytest.fixture
def gdb(serve: Serve) -> Iterator[Gdb]:
    with gdb_support.attached(serve.target, sample("x86:64")) as debugger:
        yield debugger


_SET = ("set breakpoint always-inserted on", "break deposit", "monitor breakpoints")
"""A breakpoint that is set at once, and who has set it as what."""


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("transparent", "software breakpoint    0 hits\n"),
        ("gdb-owned", "no breakpoints are set"),
        ("minimal", "no breakpoints are set"),
        ("hardware", "set as hardware breakpoint"),
        ("catch-all", "software breakpoint    0 hits\n"),
    ],
)
def test_who_sets_a_breakpoint(policy: str, said: str, gdb: Gdb) -> None:
    assert f"preset: {policy}\n" in gdb.run("monitor policy")
    assert said in gdb.script(*_SET)


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("transparent", ": breakpoint at "),
        ("gdb-owned", ": gdb's own trap at "),
        ("minimal", ": gdb's own trap at "),
    ],
)
def test_a_stop_is_known_for_what_it_is(policy: str, reason: str, gdb: Gdb) -> None:
    assert reason in gdb.script("break deposit", "continue", "monitor exits")


@pytest.mark.parametrize("policy", ["minimal"])
def test_minimal_has_watchpoints_and_no_hardware_breakpoints(policy: str, gdb: Gdb) -> None:
    assert "Hardware watchpoint" in gdb.script("watch watched", "continue")
    assert "Cannot insert hardware breakpoint" in gdb.script("hbreak mix", "continue")


@pytest.mark.parametrize("policy", ["hardware"])
def test_hardware_says_what_holds_the_slots(policy: str, serve: Serve, gdb: Gdb) -> None:
    places = ("greet", "mix", "factorial", "deposit", "count_to")
    assert "Cannot insert breakpoint" in gdb.script(*(f"break {place}" for place in places), "continue")
    said = serve.wait_for_error_text("no debug register is left")
    assert all(f"DR{slot} holds a hardware breakpoint" in said for slot in range(4))


@pytest.mark.parametrize(
    ("name", "said"), [("policy-transparent", "exited normally"), ("policy-catch-all", "signal SIGTRAP")]
)
def test_who_gets_the_debug_events_of_a_guest_that_debugs_itself(name: str, said: str) -> None:
    with (
        serving("--config", _config(name), "--image", str(SELF_DEBUGGING)) as server,
        gdb_support.started([str(SELF_DEBUGGING)]) as gdb,
    ):
        assert said in gdb.script(f"target remote {server.target}", "continue")


@pytest.mark.parametrize("name", LABS)
def test_the_sessions_of_a_lab_all_pass(name: str) -> None:
    done = run_lab("run", _config(name))

    assert done.returncode == 0, done.stdout
    assert re.search(r"^.*: (\d+) passed in [0-9.]+ s$", done.stdout, re.MULTILINE)


def test_the_guests_of_the_course_are_as_many_as_its_comment_says() -> None:
    listed = json.loads(run_lab("list", _config("course-lab"), "--format", "json").stdout)

    assert len(listed["guests"]) == 5
    assert all(session["task"] for session in listed["sessions"])


def test_a_guest_with_its_own_debugger_checks_itself_under_gdbs_breakpoints() -> None:
    with (
        serving("--config", _config(SELF_DEBUGGING_EXAMPLE)) as server,
        gdb_support.started([str(SELF_DEBUGGING)]) as gdb,
    ):
        gdb.script(f"target remote {server.target}", "break bump", "continue")
        assert "exited normally" in gdb.script("delete", "continue")
        assert ", 0 failed" in server.errors()


# -- the boot sector ---------------------------------------------------------------------------------


def test_gdb_steps_through_the_boot_sector() -> None:
    with serving("--config", _config(BOOT_SECTOR)) as server, gdb_support.started() as gdb:
        gdb.run(f"target remote {server.target}")
        assert "i8086" in gdb.run("show architecture")
        assert gdb.number("$pc") == 0x7C00
        assert "cli" in gdb.run("x/i $pc")
        gdb.script("stepi", "stepi", "break *0x7c08", "continue")  # `next: lodsb`
        assert gdb.number("$pc") == 0x7C08
        assert "hello from the boot sector" in gdb.run("x/s $esi")
        assert "exited normally" in gdb.script("delete", "continue")
        assert "hello from the boot sector\n" in server.errors()
        assert server.wait() == 0


def test_the_boot_sector_is_built_from_its_source(tmp_path: Path) -> None:
    folder = CONFIGS / "boot-sector"
    for tool in ("as", "ld"):
        need("building boot.bin", tool)
    [command] = [line for line in (folder / "boot.S").read_text().splitlines() if line.startswith("#   as ")]
    shutil.copy(folder / "boot.S", tmp_path)
    subprocess.run(["sh", "-ec", command.removeprefix("#")], cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "boot.bin").read_bytes() == (folder / "boot.bin").read_bytes()
