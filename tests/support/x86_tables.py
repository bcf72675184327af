"""Descriptor tables, stacks and page tables for an x86 guest, and a way into ring 3: what delivery needs.

SDM vol. 3: "Segment Descriptors", "IDT Descriptors", "64-Bit Mode IDT", "Task-State Segment (TSS)",
"64-Bit Task State Segment".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from kvmgdb.arch.breakpoints import BreakpointKind
from tests.support.machines import Machine

KERNEL_CODE, KERNEL_DATA, USER_DATA, USER_CODE = 0x08, 0x10, 0x20 | 3, 0x28 | 3
TASK, ABSENT_DATA, ABSENT_STACK = 0x30, 0x40, 0x48
GDT_END = 0x50

# Where things are; the sample guest's own image begins at 1 MiB.
GDT, IDT, TSS, POINTERS, ENTRY = 0x4000, 0x5000, 0x6000, 0x7000, 0x7100
HANDLERS = 0x8000
"""16 bytes for the handler of each vector: nothing but a breakpoint of the test's reaches further."""
CODE = 0xA000
"""The program that raises something."""
PAGES = 0x10000
"""PML4 or page directory, and the tables below it."""
SMALL = PAGES + 0x4000
"""A table of small pages."""
HOLE = 0x40_0000
"""2 MiB (64-bit) or 4 MiB (32-bit) that are not mapped; the same amount behind them is the kernel's alone."""
USER_STACK, KERNEL_STACK, OTHER_STACK = 0x20_1008, 0x21_0000, 0x22_0008
"""Tops; two of them not aligned to 16 bytes."""

_FLAGS_BASE = 0x2
VM, RF, NT, IF, TF = 1 << 17, 1 << 16, 1 << 14, 1 << 9, 1 << 8


@dataclass(frozen=True)
class Frame:
    """What the handler finds on its stack."""

    error_code: int | None
    pc: int
    cs: int
    flags: int
    sp: int | None
    ss: int | None
    """None where the processor pushed none."""


@dataclass
class Tables:
    """The tables of one guest, which is at its entry in 32- or 64-bit mode."""

    machine: Machine

    def __post_init__(self) -> None:
        self.wide = self.machine.guest.arch == "x86:64"
        self.word = 8 if self.wide else 4
        self._write_descriptors()
        self._write_task_state()
        for vector in range(256):
            self.gate(vector)

    @property
    def hole_size(self) -> int:
        """Bytes of :data:`HOLE`."""
        return 0x20_0000 if self.wide else 0x40_0000

    def _write_descriptors(self) -> None:
        code = 0x00AF_9B00_0000_FFFF if self.wide else 0x00CF_9B00_0000_FFFF
        data, user = 0x00CF_9300_0000_FFFF, 0x6000_0000_0000
        absent = 0x8000_0000_0000
        rows = {0x08: code, 0x10: data, 0x18: code, 0x20: data | user, 0x28: code | user}
        rows |= {ABSENT_DATA: (data | user) & ~absent, ABSENT_STACK: data & ~absent}
        rows[TASK] = 0x0000_8900_0000_0067 | TSS << 16
        for selector, raw in rows.items():
            self.machine.write(GDT + selector, struct.pack("<Q", raw))

    def _write_task_state(self) -> None:
        self.machine.write(TSS, bytes(0x68))
        self.stack(0, KERNEL_STACK)

    def stack(self, index: int, top: int, selector: int = KERNEL_DATA) -> None:
        """RSP0 and, from 1 on, the interrupt stack table; of a 32-bit TSS SS0:ESP0."""
        if self.wide:
            offset = 4 if index == 0 else 0x24 + 8 * (index - 1)
            self.machine.write(TSS + offset, struct.pack("<Q", top))
        else:
            self.machine.write(TSS + 4, struct.pack("<II", top, selector))

    def gate(
        self,
        vector: int,
        *,
        kind: int = 0xE,
        dpl: int = 0,
        table: int = 0,
        selector: int = KERNEL_CODE,
        present: bool = True,
    ) -> None:
        """A gate (``kind`` 0xE: interrupt, 0xF: trap, 0x5: task) to the handler of its vector."""
        offset = HANDLERS + 16 * vector
        raw = offset & 0xFFFF | selector << 16 | table << 32 | (kind | dpl << 5 | present << 7) << 40
        self.machine.write(
            IDT + 2 * self.word * vector, struct.pack("<Q", raw) + bytes(8 if self.wide else 0)
        )

    def start(
        self,
        code: bytes,
        *,
        level: int = 3,
        flags: int = 0,
        idt_limit: int = 0xFFF,
        virtual_8086: bool = False,
    ) -> None:
        """Make ``code`` the next instructions, at a privilege level, with all tables loaded.

        The way there is the guest's own: LGDT, LIDT, LTR, MOV CR3, IRET.
        """
        machine = self.machine
        machine.write(CODE, code)
        code_segment, data_segment = (USER_CODE, USER_DATA) if level else (KERNEL_CODE, KERNEL_DATA)
        frame = [CODE, code_segment, _FLAGS_BASE | flags, USER_STACK, data_segment]
        if virtual_8086:
            frame = [0, CODE >> 4, _FLAGS_BASE | VM, USER_STACK & 0xFFFF, 0x10, 0x20, 0x30, 0x40, 0x50]
        elif level == 0 and not self.wide:
            del frame[3:]  # without a change of level, IRET leaves ESP behind its frame
        below = USER_STACK - self.word * len(frame)
        machine.write(below, b"".join(value.to_bytes(self.word, "little") for value in frame))
        machine.write(POINTERS, struct.pack("<HQ", GDT_END - 1, GDT))
        machine.write(POINTERS + 16, struct.pack("<HQ", idt_limit, IDT))
        machine.write(ENTRY, self._entry())
        machine.backend.write_register("rsp" if self.wide else "esp", below)
        machine.backend.write_register(machine.pc_register, ENTRY)
        for _ in range(40):
            if machine.backend.step().pc == CODE:
                return
        raise AssertionError(f"the program is not reached, but {machine.backend.pc():#x}")

    def _entry(self) -> bytes:
        self._write_pages()
        absolute = bytes.fromhex("1425" if self.wide else "15")
        absolute_idt = bytes.fromhex("1c25" if self.wide else "1d")
        code = b"\x0f\x01" + absolute + struct.pack("<I", POINTERS)  # lgdt
        code += b"\x0f\x01" + absolute_idt + struct.pack("<I", POINTERS + 16)  # lidt
        code += b"\xb8" + struct.pack("<I", TASK) + b"\x0f\x00\xd8"  # mov eax; ltr ax
        code += b"\xb8" + struct.pack("<I", PAGES) + b"\x0f\x22\xd8"  # mov eax; mov cr3, eax
        if not self.wide:
            code += b"\x0f\x20\xe0\x83\xc8\x10\x0f\x22\xe0"  # mov eax, cr4; or eax, PSE; mov cr4, eax
        code += b"\x0f\x20\xc0\x0d" + struct.pack("<I", 0x8001_0000) + b"\x0f\x22\xc0"  # cr0 |= PG | WP
        for load in ("8ed8", "8ec0") if not self.wide else ():
            code += b"\xb8" + struct.pack("<I", USER_DATA) + bytes.fromhex(load)  # mov eax; mov ds/es, ax
        return code + (b"\x48\xcf" if self.wide else b"\xcf")

    def _write_pages(self) -> None:
        """16 MiB one to one, for everybody; but the hole, and behind it what is the kernel's alone."""
        present, writable, user, large = 1, 2, 4, 0x80
        everybody = present | writable | user
        step = self.hole_size
        entries = []
        for address in range(0, 16 << 20, step):
            rights = 0 if address == HOLE else present | writable if address == HOLE + step else everybody
            entries.append(address | rights | large if rights else 0)
        if self.wide:
            self.machine.write(PAGES, struct.pack("<Q", PAGES + 0x1000 | everybody))
            self.machine.write(PAGES + 0x1000, struct.pack("<Q", PAGES + 0x2000 | everybody))
            self.machine.write(PAGES + 0x2000, struct.pack(f"<{len(entries)}Q", *entries))
        else:
            self.machine.write(PAGES, struct.pack(f"<{len(entries)}I", *entries))

    def small_pages(self, *entries: int) -> None:
        """Pages of 4 KiB where :data:`HOLE` begins, by their table's entries: address and rights."""
        size = self.word
        self.machine.write(SMALL, b"".join(entry.to_bytes(size, "little") for entry in entries))
        directory = PAGES + 0x2000 if self.wide else PAGES
        self.machine.write(directory + HOLE // self.hole_size * size, (SMALL | 7).to_bytes(size, "little"))

    def next_handler(self) -> int:
        """Run to the next handler; its vector."""
        backend = self.machine.backend
        for vector in range(256):
            backend.insert(BreakpointKind.HARDWARE, HANDLERS + 16 * vector, 1)
        stop = self.machine.run()
        for vector in range(256):
            backend.remove(BreakpointKind.HARDWARE, HANDLERS + 16 * vector, 1)
        vector, offset = divmod(stop.pc - HANDLERS, 16)
        assert offset == 0, stop
        assert vector in range(256), stop
        return vector

    def frame(self, *, error_code: bool) -> Frame:
        """The frame a handler that has just been entered finds; SS:SP where a frame has them."""
        machine = self.machine
        pointer = machine.register("rsp" if self.wide else "esp")
        count = 5 + error_code
        raw = machine.read(pointer, self.word * count)
        words = [int.from_bytes(raw[i : i + self.word], "little") for i in range(0, len(raw), self.word)]
        code = words.pop(0) if error_code else None
        has_stack = self.wide or bool(words[2] & VM) or words[1] & 3 != machine.register("cs") & 3
        sp, ss = (words[3], words[4]) if has_stack else (None, None)
        return Frame(code, words[0], words[1], words[2], sp, ss)
