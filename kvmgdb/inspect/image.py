"""Where an address is in an ELF file: function, source line, and the instructions around it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import capstone
from elftools.common.exceptions import DWARFError, ELFError
from elftools.elf.elffile import ELFFile

from kvmgdb.errors import ImageError

CONTEXT = 4
"""Instructions shown before and after the one that matters."""
_LONGEST = 15
"""The longest x86 instruction, in bytes."""

_MODES = {
    ("EM_386", 32): (capstone.CS_ARCH_X86, capstone.CS_MODE_32),
    ("EM_X86_64", 32): (capstone.CS_ARCH_X86, capstone.CS_MODE_64),
    ("EM_X86_64", 64): (capstone.CS_ARCH_X86, capstone.CS_MODE_64),
    ("EM_PPC", 32): (capstone.CS_ARCH_PPC, capstone.CS_MODE_32),
    ("EM_PPC64", 64): (capstone.CS_ARCH_PPC, capstone.CS_MODE_64),
}


@dataclass(frozen=True, slots=True)
class Instruction:
    """One disassembled instruction."""

    address: int
    code: bytes
    text: str
    marked: bool
    """Whether it is the one the exit is about."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an ELF file knows of an address."""

    address: int
    function: str = ""
    offset: int = 0
    file: str = ""
    line: int = 0
    instructions: tuple[Instruction, ...] = ()

    def __str__(self) -> str:
        name = f"{self.function}+{self.offset:#x}" if self.offset else self.function
        source = f"{self.file}:{self.line}" if self.file else ""
        return " at ".join(text for text in (name, source) if text) or f"{self.address:#x}, no symbol"


@dataclass(frozen=True, slots=True)
class _Symbol:
    start: int
    size: int
    name: str


class Image:
    """An ELF file, read once."""

    def __init__(self, path: Path, real_mode: bool = False) -> None:
        """Open ``path``; ``real_mode`` disassembles x86 as 16-bit code.

        Raises:
            ImageError: it cannot be read, or is no ELF file.
        """
        try:
            self._elf: Any = ELFFile(path.open("rb"))
            self._segments = [
                (s["p_vaddr"], s["p_filesz"], s)
                for s in self._elf.iter_segments()
                if s["p_type"] == "PT_LOAD"
            ]
        except OSError as error:
            raise ImageError(f"{path}: cannot be read: {error.strerror}") from None
        except (ELFError, UnicodeDecodeError, KeyError, ValueError, AttributeError, TypeError) as error:
            raise ImageError(f"{path}: no ELF file: {str(error) or 'it is cut off'}") from None
        self._path = path
        self._real_mode = real_mode
        self.place = lru_cache(maxsize=4096)(self._place)

    @cached_property
    def _symbols(self) -> list[_Symbol]:
        table = self._elf.get_section_by_name(".symtab")
        if table is None:
            return []
        found = [
            _Symbol(s["st_value"], s["st_size"], s.name)
            for s in table.iter_symbols()
            if s["st_info"]["type"] in ("STT_FUNC", "STT_NOTYPE", "STT_OBJECT")
            and s.name
            and s["st_shndx"] not in ("SHN_UNDEF", "SHN_ABS")
        ]
        return sorted(found, key=lambda s: (s.start, s.size > 0))

    @cached_property
    def _lines(self) -> list[tuple[int, str, int]]:
        """Address, file and line of every row of the line programs, ascending; file "" ends a run."""
        if not self._elf.has_dwarf_info():
            return []
        rows = []
        try:
            dwarf = self._elf.get_dwarf_info()
            for unit in dwarf.iter_CUs():
                program = dwarf.line_program_for_CU(unit)
                rows += _rows(program) if program is not None else []
        except (ELFError, DWARFError, KeyError, IndexError, ValueError, AssertionError):
            return []
        return sorted(rows, key=lambda row: (row[0], row[1] != ""))

    def _place(self, address: int, before: bool = False) -> Place:
        """Look ``address`` up; ``before``: the instruction that ends there matters."""
        symbol = self._symbol(address - 1 if before else address)
        file, line = self._line(address - 1 if before else address)
        name, start = (symbol.name, symbol.start) if symbol else ("", address)
        instructions = self._around(address, before, symbol.start if symbol else None)
        marked = next((i.address for i in instructions if i.marked), address)
        return Place(marked, name, marked - start, file, line, instructions)

    def _symbol(self, address: int) -> _Symbol | None:
        at = bisect_right(self._symbols, address, key=lambda s: s.start) - 1
        if at < 0:
            return None
        symbol = self._symbols[at]
        return symbol if not symbol.size or address < symbol.start + symbol.size else None

    def _line(self, address: int) -> tuple[str, int]:
        at = bisect_right(self._lines, address, key=lambda row: row[0]) - 1
        return self._lines[at][1:] if at >= 0 else ("", 0)

    def _around(self, address: int, before: bool, start: int | None) -> tuple[Instruction, ...]:
        """Disassemble from the function's start, so that the instructions before are the real ones."""
        disassembler = self._disassembler
        if disassembler is None:
            return ()
        near = start is not None and address - start <= 64 * 1024
        begin = start if near and start is not None else address
        code = self._bytes(begin, address - begin + CONTEXT * _LONGEST)
        found = []
        for item in disassembler.disasm(code, begin):
            ends_here = item.address + item.size == address
            marked = ends_here if before else item.address == address
            text = f"{item.mnemonic} {item.op_str}".strip()
            found.append(Instruction(item.address, bytes(item.bytes), text, marked))
            if item.address >= address and len([f for f in found if f.address >= address]) > CONTEXT:
                break
        at = next((n for n, f in enumerate(found) if f.marked), None)
        if at is None:
            return tuple(f for f in found if f.address >= address)[:CONTEXT]
        return tuple(found[max(0, at - CONTEXT) : at + CONTEXT + 1])

    @cached_property
    def _disassembler(self) -> Any | None:
        mode = _MODES.get((self._elf["e_machine"], self._elf.elfclass))
        if mode is None:
            return None
        arch, bits = mode
        if self._real_mode and arch == capstone.CS_ARCH_X86:
            bits = capstone.CS_MODE_16
        order = capstone.CS_MODE_LITTLE_ENDIAN if self._elf.little_endian else capstone.CS_MODE_BIG_ENDIAN
        return capstone.Cs(arch, bits | order)

    def _bytes(self, address: int, length: int) -> bytes:
        for start, size, segment in self._segments:
            if start <= address < start + size:
                self._elf.stream.seek(segment["p_offset"] + address - start)
                data: bytes = self._elf.stream.read(min(length, start + size - address))
                return data
        return b""


def _rows(program: Any) -> list[tuple[int, str, int]]:
    entries = program["file_entry"]
    first = 0 if program["version"] >= 5 else 1
    rows = []
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        name = ""
        if not state.end_sequence and 0 <= state.file - first < len(entries):
            name = entries[state.file - first].name.decode(errors="replace")
        rows.append((state.address, name, 0 if state.end_sequence else state.line))
    return rows
