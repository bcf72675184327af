"""The plugin of ``docs/riscv-plugin``, installed as anybody's would be: core knows nothing of it."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gdb import Gdb, attached
from tests.support.guests import RISCV, SampleGuest
from tests.support.serve import KVMGDB, LIMIT, Serve, clean_environment, serving

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The plugin in a folder of its own, where Python and so kvmgdb find it.  Nothing is downloaded."""
    source, site = tmp_path_factory.mktemp("source") / "plugin", tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs" / "riscv-plugin", source)  # a build leaves files behind
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--target", str(site)]
    done = subprocess.run([*pip, *options, str(source)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        path = [str(site), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
        yield site


@pytest.fixture(params=RISCV)
def arch(request: pytest.FixtureRequest) -> str:
    """Both variants."""
    name: str = request.param
    return name


@pytest.fixture
def serve(installed: Path, arch: str, options: tuple[str, ...]) -> Iterator[Serve]:
    """The installed command itself: a server that was started before the plugin was installed lacks it."""
    with serving("--arch", arch, *options, cold=True) as server:
        yield server


def test_it_is_listed(installed: Path) -> None:
    done = subprocess.run(
        [str(KVMGDB), "plugins"], capture_output=True, text=True, env=clean_environment(), timeout=LIMIT
    )
    assert done.returncode == 0, done.stderr
    assert f"riscv  kvmgdb-riscv 0.1.0  {installed / 'kvmgdb_riscv' / 'plugin.py'}" in done.stdout
    assert "riscv:rv32 (riscv32)  RV32GC" in done.stdout


def test_core_does_not_know_the_architecture() -> None:
    files = sorted((ROOT / "kvmgdb").rglob("*.py"))
    assert files
    named = {file.name for file in files if "riscv" in file.read_text().lower()}
    assert named <= {"foreign.py", "kvm_run.py"}  # names of the KVM API, for inspect-exit


def test_its_exit_decoder_is_asked(tmp_path: Path) -> None:
    """A dump of ``struct kvm_run`` with KVM_EXIT_DEBUG, which on RISC-V has nothing behind it."""
    dump, armed = tmp_path / "run.bin", tmp_path / "armed.yaml"
    dump.write_bytes(bytes(8) + (4).to_bytes(4, "little") + bytes(276))
    armed.write_text("pc: 0x1000\nsoftware: [0x1000]\n")
    command = [str(KVMGDB), "inspect-exit", "--arch", "riscv", "--armed", str(armed), str(dump)]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=LIMIT)
    assert "a software breakpoint of ours at 0x1000 [ours]" in done.stdout, done.stderr


def test_exits_of_others_are_read_as_ever(tmp_path: Path) -> None:
    payloads = tmp_path / "payloads.bin"
    payloads.write_bytes(struct.pack("<QII", 0x1000, 0, 0) * 3)
    command = [str(KVMGDB), "inspect-exit", str(payloads)]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=LIMIT)
    assert done.stdout.count("KVM_EXIT_DEBUG, ppc:440") == 3, done.stderr


def test_a_session_to_the_end(gdb: Gdb, serve: Serve, guest: SampleGuest) -> None:
    assert "deposit (a=" in gdb.script(f"break {guest.line('deposit-balance')}", "continue")
    frames = gdb.run("backtrace").splitlines()
    assert [frame.split(" (")[0].split()[-1] for frame in frames] == ["deposit", "guest_main", "_start"]
    assert "LINE deposit-count" in gdb.run("next")
    assert "balance = 150, deposits = 0" in gdb.run("print *a")
    gdb.run("delete")
    assert "Value returned is $2 = 150" in gdb.run("finish")
    gdb.run("next")
    assert "deposit (a=" in gdb.run("step")
    assert "exited normally" in gdb.run("continue")
    assert "balance = 500" in serve.wait_for_error_text("goodbye")


def test_a_step_is_one_instruction_of_two_or_four_bytes(gdb: Gdb) -> None:
    gdb.run_to("deposit")
    for _ in range(8):
        before = gdb.number("$pc")
        size = 4 if gdb.memory(before, 1)[0] & 3 == 3 else 2
        gdb.run("stepi")
        assert gdb.number("$pc") == before + size


def test_watches(gdb: Gdb) -> None:
    hit = gdb.script("watch watched", "continue")
    assert "Old value = 0\nNew value = 1\n" in hit
    assert "LINE watched-untouched" in hit
    gdb.run("delete")
    assert "Value = 42" in gdb.script("rwatch watched", "continue")
    gdb.run("delete")
    assert "exited normally" in gdb.run("continue")


def test_registers(gdb: Gdb, arch: str) -> None:
    gdb.run_to("deposit")
    assert gdb.number("$a1") == gdb.number("amount") == 50
    assert gdb.number("$fp") == gdb.number("$s0")
    assert "[Machine]" in gdb.run("info registers priv")
    assert arch.removeprefix("riscv:").upper() in gdb.run("info registers misa")
    assert "round to nearest" in gdb.run("info registers fcsr")
    gdb.run("set var $mscratch = 0x1234")
    assert gdb.number("$mscratch") == 0x1234
    assert gdb.run("monitor privilege") == "machine mode, addresses are physical\n"


def test_memory(gdb: Gdb, guest: SampleGuest) -> None:
    assert '"ada"' in gdb.run("print account.owner")
    gdb.run("set var count_limit = 7")
    assert gdb.memory(guest.symbol("count_limit"), 4) == bytes([7, 0, 0, 0])
    gdb.run_to("tick_1000")
    assert gdb.number("counter") == 7


def test_ctrl_c(gdb: Gdb, serve: Serve) -> None:
    gdb.run("set var want_spin = 1")
    gdb.start("continue")
    serve.wait_for_error_text("sample guest")
    stop = gdb.interrupt()
    assert "Program received signal SIGINT" in stop
    assert "LINE spin" in stop
    gdb.run("set var keep_spinning = 0")
    assert "exited normally" in gdb.run("continue")


@pytest.mark.parametrize(("kind", "signal"), [(1, "SIGILL"), (2, "SIGTRAP"), (3, "SIGBUS"), (4, "SIGSTOP")])
def test_a_crash(gdb: Gdb, kind: int, signal: str) -> None:
    gdb.run(f"set var want_crash = {kind}")
    stop = gdb.run("continue")
    assert signal in stop
    assert "crash (kind=" in stop


@pytest.mark.parametrize("options", [("--policy", "gdb-owned")], ids=["gdb-owned"])
def test_traps_that_gdb_writes_itself(gdb: Gdb, guest: SampleGuest) -> None:
    """``c.ebreak`` over an instruction of two bytes, ``ebreak`` over one of four."""
    gdb.run("set breakpoint always-inserted on")
    start = guest.symbol("deposit")
    code = gdb.memory(start, 64)
    sizes: dict[int, int] = {}
    offset = 0
    while len(sizes) < 2:
        size = 4 if code[offset] & 3 == 3 else 2
        sizes.setdefault(size, start + offset)
        offset += size
    for place in sizes.values():
        gdb.run(f"break *{place}")
    assert gdb.memory(sizes[2], 2).hex() == "0290"
    assert gdb.memory(sizes[4], 4).hex() == "73001000"
    stops = []
    for _ in sizes:
        gdb.run("continue")
        stops.append(gdb.number("$pc"))
    assert stops == sorted(sizes.values())
    gdb.run("delete")
    assert "exited normally" in gdb.run("continue")


def test_the_image_alone_chooses_the_variant(guest: SampleGuest) -> None:
    with (
        serving("--image", str(guest.elf), cold=True) as server,
        attached(server.target, guest) as debugger,
    ):
        assert f"riscv:{guest.arch.partition(':')[2]}" in debugger.run("show architecture")
        assert "deposit (a=" in debugger.run_to("deposit")
