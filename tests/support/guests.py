"""The sample guests, as the tests find their way in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"

X86 = ("x86:64", "x86:32", "x86:16")
PPC = ("ppc:440", "ppc:e500v1", "ppc:e500v2", "ppc:e500mc", "ppc:603e", "ppc:750", "ppc:7457")
EVERY = (*X86, *PPC)
"""Every variant that has a sample guest."""
RISCV = ("riscv:rv64", "riscv:rv32")
"""Those of the plugin in ``docs/riscv-plugin``, which is not installed where the tests run."""


@dataclass(frozen=True)
class SampleGuest:
    """One built sample."""

    arch: str
    elf: Path

    @property
    def folder(self) -> Path:
        """Where its source is."""
        return self.elf.parent

    @property
    def is_x86(self) -> bool:
        """Whether it is one of the x86 samples."""
        return self.arch.startswith("x86")

    def line(self, mark: str) -> str:
        """``file:line`` of the line marked ``LINE mark``."""
        for file in sorted(self.folder.glob("*.c")):
            for number, text in enumerate(file.read_text().splitlines(), 1):
                if f"/* LINE {mark} */" in text:
                    return f"{file.name}:{number}"
        raise AssertionError(f"no line is marked {mark!r} in {self.folder}")

    def symbol(self, name: str) -> int:
        """The address of a function or variable."""
        return _symbols(self.elf)[name][0]

    def size(self, name: str) -> int:
        """How many bytes a function or variable has."""
        return _symbols(self.elf)[name][1]


def sample(arch: str) -> SampleGuest:
    """The sample guest of ``ARCH:VARIANT``."""
    name, _, variant = arch.partition(":")
    if arch in RISCV:
        folder = ROOT / "docs" / "riscv-plugin" / "kvmgdb_riscv" / "guests"
        return SampleGuest(arch, folder / f"sample{variant.removeprefix('rv')}.elf")
    file = f"sample{variant}.elf" if name == "x86" else "sample.elf"
    return SampleGuest(arch, PLUGINS / name / f"kvmgdb_{name}" / "guests" / file)


def self_debugging(arch: str) -> SampleGuest:
    """The guest of ``ARCH:VARIANT`` that has a debugger of its own, which counts the debug events it gets."""
    file = "selfdebug64.elf" if arch.startswith("x86") else "selfdebug.elf"
    return SampleGuest(arch, sample(arch).folder / file)


@cache
def _symbols(elf: Path) -> dict[str, tuple[int, int]]:
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        return {s.name: (s["st_value"], s["st_size"]) for s in table.iter_symbols() if s.name}
