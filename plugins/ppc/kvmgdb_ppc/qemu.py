"""PowerPC on QEMU: a board for each core."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from kvmgdb.arch.machine import DeviceRegion, Extent, ReadPhysical, StartState
from kvmgdb.arch.qemu import Access, Board, Control, ReadRegister, Unhandled
from kvmgdb.arch.stops import Signal
from kvmgdb_ppc import qemu_access, tlb
from kvmgdb_ppc.devices import DEVICES
from kvmgdb_ppc.registers import BOOKE
from kvmgdb_ppc.sprs import READ_ONLY

_PACKAGE = "qemu-system-ppc"


def _board(machine: str, cpu: str, memory_step: int = 1 << 20) -> Board:
    return Board(_PACKAGE, _PACKAGE, machine, cpu, memory_step)


_64_MIB = 64 << 20  # "RAM size must be multiple of 67108864"
BOARDS = {
    "440": _board("bamboo", "440epb"),
    "e500v1": _board("ppce500", "e500_v20", _64_MIB),
    "e500v2": _board("ppce500", "e500v2_v30", _64_MIB),
    "e500mc": _board("ppce500", "e500mc", _64_MIB),
    "603e": _board("g3beige", "603e7"),
    "750": _board("g3beige", "750_v3.1"),
    "7457": _board("mac99", "7457_v1.2"),
}

_BRANCH_TO_ITSELF = b"\x48\x00\x00\x00"
_LOADED_AT = 0x1000
"""Where the firmware of a board that wants an ELF lies; the images may lie over it."""

_TLB_SETUP = {
    "440": tlb.setup_440,
    "e500v1": tlb.setup_e500,
    "e500v2": tlb.setup_e500,
    "e500mc": tlb.setup_e500,
}

_CLASSIC_VECTORS = range(0x200, 0x1800, 0x100)
"""Power ISA book III, "Interrupt Vector Offsets", and the G2's and G4's own behind them."""
_NAMES = {
    0x200: ("machine check", Signal.BUS),
    0x300: ("data storage", Signal.SEGV),
    0x400: ("instruction storage", Signal.SEGV),
    0x600: ("alignment", Signal.BUS),
    0x700: ("program", Signal.ILL),
    0x800: ("floating-point unavailable", Signal.FPE),
    0xC00: ("system call", Signal.SYS),
    0xD00: ("trace", Signal.TRAP),
}
_SRR1_TRAP = 1 << 17
_ESR_TRAP, _ESR_ILLEGAL = 1 << 25, 1 << 27


class PpcQemu:
    """One PowerPC guest on QEMU; implements :class:`kvmgdb.arch.qemu.QemuPort`."""

    printed: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    read_only = READ_ONLY
    overlaid = range(0)
    firmware_at: int | None = None
    devices: DeviceRegion | None = DEVICES
    names: Mapping[str, str] = {"dec": "decr", "sia": "siar"}

    def __init__(self, variant: str) -> None:
        self._variant = variant
        self.board = BOARDS[variant]

    def firmware(self) -> bytes | None:
        """A branch to itself where the board looks for one, as an ELF where it wants that."""
        if self.board.machine == "bamboo":
            return None
        return _elf(_BRANCH_TO_ITSELF) if self.board.machine == "ppce500" else _BRANCH_TO_ITSELF

    def prepare(self, control: Control, start: StartState) -> None:
        """MSR 0, registers 0; a BookE core with its two initial translations, as on the emulator."""
        setup = _TLB_SETUP.get(self._variant)
        if setup is not None:
            code = setup()
            data = struct.pack(f">{len(code)}I", *code)
            control.write_memory(_LOADED_AT, data)
            control.write("pc", _LOADED_AT)
            control.run_to(_LOADED_AT + len(data))
            control.write_memory(_LOADED_AT, bytes(len(data)))
        for index in range(32):
            control.write(f"r{index}", 0)
        control.write("msr", 0)
        control.write("pc", start.entry)

    def parse_printed(self, text: str) -> dict[str, int]:
        """Nothing: the stub has every register."""
        return {}

    def linear_pc(self, read: ReadRegister) -> int:
        """The pc: there are no segments in the way."""
        return read("pc")

    def translate(self, read: ReadRegister, address: int, memory: ReadPhysical) -> Extent | None:
        """By QEMU, which has the TLB; a classic core that does not translate needs nobody."""
        if self._variant not in BOOKE and not read("msr") & (qemu_access.MSR_DR | qemu_access.MSR_IR):
            return Extent(address, (1 << 32) - address)
        raise NotImplementedError

    def access(self, word: bytes, read: ReadRegister) -> Access | None:
        """By the instruction."""
        return qemu_access.access(int.from_bytes(word, "big"), read)

    def served(self, word: bytes, read: ReadRegister) -> tuple[int, int] | None:
        """The store to the device page."""
        store = qemu_access.stored(int.from_bytes(word, "big"), read)
        if store is None or not 0 <= store[0] - DEVICES.start < DEVICES.size:
            return None
        return store[0] - DEVICES.start, store[1]

    def vectors(self, read: ReadRegister) -> Sequence[int]:
        """Those of a classic core; on BookE all of them are at 0 before somebody sets IVPR and IVORs."""
        return (0,) if self._variant in BOOKE else _CLASSIC_VECTORS

    def unhandled(self, read: ReadRegister, address: int, code: bytes) -> Unhandled | None:
        """A word of zeros, which is no instruction, is no handler."""
        if code != bytes(4):
            return None
        if self._variant in BOOKE:
            name, signal = _booke_cause(read("esr"))
        else:
            name, signal = _NAMES.get(address, (f"exception {address:#x}", Signal.TRAP))
            if address == 0x700 and read("srr1") & _SRR1_TRAP:
                name, signal = "program (trap)", Signal.TRAP
        pc = read("srr0")
        reason = f"{name} at {pc:#x}: the guest has no handler (there is no code at its vector {address:#x})"
        of_msr = 0xFFFF_FFFF if self._variant in BOOKE else qemu_access.MSR_OF_SRR1
        return Unhandled(reason, signal, {"msr": read("srr1") & of_msr, "pc": pc})


def _booke_cause(esr: int) -> tuple[str, Signal]:
    """PPC440x5, "ESR"."""
    if esr & _ESR_TRAP:
        return "program (trap)", Signal.TRAP
    if esr & _ESR_ILLEGAL:
        return "program (illegal instruction)", Signal.ILL
    return "an exception", Signal.SEGV


def _elf(code: bytes) -> bytes:
    """The smallest executable that loads ``code`` (System V ABI, PowerPC supplement)."""
    start = 52 + 32
    header = b"\x7fELF\x01\x02\x01" + bytes(9)
    header += struct.pack(">HHIIIIIHHHHHH", 2, 20, 1, _LOADED_AT, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    header += struct.pack(">8I", 1, start, _LOADED_AT, _LOADED_AT, len(code), len(code), 7, 4)
    return header + code
