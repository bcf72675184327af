"""x86 on QEMU: a PC."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from kvmgdb.arch.machine import DeviceRegion, Extent, ReadPhysical, StartState
from kvmgdb.arch.qemu import Access, Board, Control, ReadRegister, Unhandled
from kvmgdb_x86 import modes, paging, qemu_firmware
from kvmgdb_x86.ports import CONSOLE_PORT, EXIT_PORT
from kvmgdb_x86.registers import GENERAL_32, GENERAL_64
from kvmgdb_x86.walks import Walks

BOARD = Board(
    program="qemu-system-x86_64",
    package="qemu-system-x86",
    machine="pc",
    cpu="",
    arguments=(
        *("-vga", "none"),
        *("-device", f"isa-debugcon,iobase={CONSOLE_PORT:#x},chardev={{console}}"),
        *("-device", f"isa-debugcon,iobase={EXIT_PORT:#x},chardev={{exit}}"),
    ),
)

_RESERVED_ONE = 2  # EFLAGS bit 1
_EFLAGS_VM = 1 << 17

# info registers: "CS =0018 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]"
_SEGMENT = re.compile(r"^(ES|CS|SS|DS|FS|GS|LDT|TR) *=([0-9a-f]{4}) ([0-9a-f]+) ([0-9a-f]+)", re.MULTILINE)
_TABLE = re.compile(r"^(GDT|IDT)= +([0-9a-f]+) ([0-9a-f]+)", re.MULTILINE)
_DEBUG = re.compile(r"\b(DR[0-367])=([0-9a-f]+)")
_WHOLE_SEGMENTS = {"LDT": "ldtr", "TR": "tr"}

_NAMES_32 = {name: f"r{name[1:]}" for name in (*GENERAL_32, "eip")}

_PRINTED = frozenset(
    [f"{name}_base" for name in ("cs", "ss", "ds", "es")]
    + ["gdtr_base", "gdtr_limit", "idtr_base", "idtr_limit", "ldtr", "ldtr_base", "tr", "tr_base"]
    + ["dr0", "dr1", "dr2", "dr3", "dr6", "dr7"]
)


class X86Qemu:
    """One x86 guest on QEMU; implements :class:`kvmgdb.arch.qemu.QemuPort`."""

    board = BOARD
    printed = _PRINTED
    absent = frozenset({"star", "lstar", "sfmask", "pat"})
    read_only: frozenset[str] = frozenset()
    overlaid = range(0xA_0000, 0x10_0000)
    firmware_at: int | None = qemu_firmware.BASE
    devices: DeviceRegion | None = None

    def __init__(self, variant: str) -> None:
        self._mode = modes.MODES[variant]
        self._firmware = qemu_firmware.build(self._mode)
        self.names: Mapping[str, str] = {} if variant == "64" else _NAMES_32
        self._pc = "rip" if variant == "64" else "eip"
        self._general = (*GENERAL_64,) if variant == "64" else GENERAL_32
        self._code_bases: dict[tuple[int, int], int] = {}
        self._walks = Walks()

    def firmware(self) -> bytes | None:
        """What brings the processor from its reset to the start state."""
        return self._firmware.image

    def prepare(self, control: Control, start: StartState) -> None:
        """Through our firmware, and to the entry."""
        control.run_to(self._firmware.waits_at)
        if self._mode.bits == 16:
            control.write("cs", 0)
        for name in self._general:
            control.write(name, 0)
        control.write("eflags", _RESERVED_ONE)
        control.write(self._pc, start.entry)

    def parse_printed(self, text: str) -> dict[str, int]:
        """Segments, tables and debug registers."""
        found = {name.lower(): int(digits, 16) for name, digits in _DEBUG.findall(text)}
        for name, selector, base, _limit in _SEGMENT.findall(text):
            register = _WHOLE_SEGMENTS.get(name, name.lower())
            found |= {register: int(selector, 16), f"{register}_base": int(base, 16)}
        for name, base, limit in _TABLE.findall(text):
            found |= {f"{name.lower()}r_base": int(base, 16), f"{name.lower()}r_limit": int(limit, 16)}
        return found

    def linear_pc(self, read: ReadRegister) -> int:
        """CS base + RIP.  64-bit code has no base; in protected mode that of a selector is looked up once."""
        pc = read(self._pc)
        if not read("cr0") & modes.CR0_PE or read("eflags") & _EFLAGS_VM:
            return read("cs_base") + pc
        key = read("cs"), read("efer")
        if key not in self._code_bases:
            self._code_bases[key] = read("cs_base")
        return self._code_bases[key] + pc

    def translate(self, read: ReadRegister, address: int, memory: ReadPhysical) -> Extent | None:
        """A walk of the page tables."""
        cr0 = read("cr0")
        if not cr0 & paging.CR0_PG:
            return Extent(address, (1 << 64) - address)
        return self._walks.translate((cr0, read("cr3"), read("cr4"), read("efer")), address, memory)

    def access(self, word: bytes, read: ReadRegister) -> Access | None:
        """Never asked: x86 reports a watchpoint after the access."""
        return None

    def served(self, word: bytes, read: ReadRegister) -> tuple[int, int] | None:
        """Never asked: QEMU has the devices."""
        return None

    def vectors(self, read: ReadRegister) -> Sequence[int]:
        """None: an exception without a handler ends in a triple fault, which QEMU reports."""
        return ()

    def unhandled(self, read: ReadRegister, address: int, code: bytes) -> Unhandled | None:
        """Never asked."""
        return None
