"""The sample guests, built anew, do what the built ones in the repository do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from kvmgdb.arch.stops import Stop, StopKind
from kvmgdb.backends.base import GuestSetup
from kvmgdb.loader import combine, read_image
from tests.support.machines import plugins
from tests.support.tools import need

ROOT = Path(__file__).parents[2]
GUESTS = {
    "x86:64": ("plugins/x86/kvmgdb_x86/guests", "sample64.elf", "gcc"),
    "x86:32": ("plugins/x86/kvmgdb_x86/guests", "sample32.elf", "gcc"),
    "x86:16": ("plugins/x86/kvmgdb_x86/guests", "sample16.elf", "gcc"),
    "riscv:rv64": ("docs/riscv-plugin/kvmgdb_riscv/guests", "sample64.elf", "riscv64-unknown-elf-gcc"),
    "riscv:rv32": ("docs/riscv-plugin/kvmgdb_riscv/guests", "sample32.elf", "riscv64-unknown-elf-gcc"),
    "ppc:440": ("plugins/ppc/kvmgdb_ppc/guests", "sample.elf", "powerpc-linux-gnu-gcc"),
}


def _run(arch_name: str, image: Path) -> tuple[bytes, Stop]:
    """What the guest prints, and how it ends."""
    printed = bytearray()
    images = combine((read_image(image, None),), None)
    setup = GuestSetup(plugins().resolve(arch_name), images, 16 << 20, printed.append, {})
    stop = plugins().backends["emulator"].create(setup).resume(None, fresh=True)
    assert stop is not None
    return bytes(printed), stop


@pytest.mark.parametrize("name", ["sample.c", "machine.h", "sample.lds"])
def test_the_program_is_the_same_for_every_architecture(name: str) -> None:
    assert len({(ROOT / folder / name).read_text() for folder, _, _ in GUESTS.values()}) == 1


@pytest.mark.parametrize("arch_name", GUESTS)
def test_a_built_one_names_no_folder_of_who_built_it(arch_name: str) -> None:
    """gdb finds the sources beside the ELF, wherever that is."""
    folder, name, _ = GUESTS[arch_name]
    with (ROOT / folder / name).open("rb") as file:
        units = list(ELFFile(file).get_dwarf_info().iter_CUs())
        folders = {unit.get_top_DIE().attributes["DW_AT_comp_dir"].value for unit in units}
    assert folders == {b"/kvmgdb/guests"}


@pytest.mark.parametrize("arch_name", GUESTS)
def test_a_new_build_behaves_the_same(arch_name: str, tmp_path: Path) -> None:
    folder, name, compiler = GUESTS[arch_name]
    need(f"rebuilding {name}", compiler)
    command = ["make", "-s", "-C", str(ROOT / folder), f"OUT={tmp_path}", str(tmp_path / name)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    printed, stop = _run(arch_name, tmp_path / name)
    assert (printed, stop.kind, stop.status) == (_run(arch_name, ROOT / folder / name)[0], StopKind.EXIT, 0)
    assert b"factorial(10) = 3628800" in printed
