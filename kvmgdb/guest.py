"""The guest as a debugger sees it: an architecture, a backend, and memory through the current translation."""

from __future__ import annotations

from binascii import hexlify
from contextlib import suppress
from operator import and_
from struct import Struct

from kvmgdb.arch.architecture import Arch
from kvmgdb.arch.machine import Extent
from kvmgdb.arch.registers import Register, RegisterFile
from kvmgdb.backends.base import Backend
from kvmgdb.backends.memory import PAGE, Translate, pieces
from kvmgdb.errors import MemoryFault, RspError

SPAN_PIECES = 1024
"""Most pieces of translated or missing memory that are put together to one: a few milliseconds."""

_STRUCT_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


class _Expedited:
    """The registers of a stop reply as text, which is made at every step: all packed at once, then cut."""

    def __init__(self, registers: RegisterFile) -> None:
        chosen = [registers.by_name[name] for name in registers.expedited]
        order = {"little": "<", "big": ">"}[registers.byteorder]
        self._masks = [(1 << register.bits) - 1 for register in chosen]
        self._struct = Struct(order + "".join(_STRUCT_CODES[register.size] for register in chosen))
        self._digits = Struct("".join(f"{2 * register.size}s" for register in chosen))
        self._template = b"".join(b"%02x:%%b;" % register.number for register in chosen)

    def encode(self, values: list[int]) -> bytes:
        packed = self._struct.pack(*map(and_, values, self._masks))
        return self._template % self._digits.unpack(hexlify(packed))


class Guest:
    """One guest under a debugger."""

    def __init__(self, arch: Arch, backend: Backend) -> None:
        self.arch = arch
        self.backend = backend
        self.physical = False
        """Whether addresses of memory packets are guest-physical (``monitor physical on``)."""
        self._expedited = _Expedited(arch.registers)

    # -- registers -----------------------------------------------------------------------------------

    def read_bulk(self) -> bytes:
        """The payload of ``g``."""
        return self._encode(self.arch.registers.bulk)

    def write_bulk(self, data: bytes) -> None:
        """Take the payload of ``G``; only registers whose value changes are written.

        What ``g`` gave can always be given back: a register that reads as it should is left alone, so
        that no side effect of writing it (a control register's, say) happens.
        """
        registers = self.arch.registers
        if len(data) != registers.bulk_size:
            raise RspError(f"G brings {len(data)} bytes; the registers are {registers.bulk_size}")
        old = self.backend.read_registers([r.name for r in registers.bulk])
        offset = 0
        for register, before in zip(registers.bulk, old, strict=True):
            value = registers.decode(data[offset : offset + register.size])
            offset += register.size
            if value != before & ((1 << register.bits) - 1):
                self.backend.write_register(register.name, value)

    def read_register(self, register: Register) -> bytes:
        """One register as the wire carries it."""
        return self._encode((register,))

    def write_register(self, register: Register, data: bytes) -> None:
        """Set one register from wire bytes.

        A register that cannot be written takes the value it has: gdb gives all of an x86 processor's back
        after it has called a function of the guest's, also those marked as not to be saved.
        """
        if len(data) != register.size:
            raise RspError(
                f"register {register.name} is {register.size} bytes; the packet brings {len(data)}"
            )
        try:
            self.backend.write_register(register.name, self.arch.registers.decode(data))
        except RspError:
            if self.read_register(register) != data:
                raise

    def expedited(self) -> bytes:
        """The registers of a stop reply: ``number:value;`` each, all in hex."""
        return self._expedited.encode(self.backend.read_registers(self.arch.registers.expedited))

    def _encode(self, chosen: tuple[Register, ...]) -> bytes:
        encode = self.arch.registers.encode
        values = self.backend.read_registers([register.name for register in chosen])
        return b"".join(encode(register, value) for register, value in zip(chosen, values, strict=True))

    # -- memory --------------------------------------------------------------------------------------

    @property
    def _translate(self) -> Translate:
        return _as_it_is if self.physical else self.backend.translate

    def read_memory(self, address: int, length: int) -> bytes:
        """Memory from ``address``: all of it, or as much as there is.

        Raises:
            MemoryFault: not even the first byte is there.
        """
        return self._read(address, length, self._translate)

    def read_code(self, address: int, length: int) -> bytes:
        """The same, and always by virtual address: what the program counter is at."""
        return self._read(address, length, self.backend.translate)

    def _read(self, address: int, length: int, translate: Translate) -> bytes:
        read = self.backend.read_physical
        try:  # nearly always all of it is there, in one piece
            here = translate(address)
            if here is not None and length <= here.length:
                return read(here.physical, length)
            return b"".join(
                [read(physical, size) for _, physical, size in pieces(address, length, translate)]
            )
        except MemoryFault:
            return self._read_some(address, length, translate)

    def _read_some(self, address: int, length: int, translate: Translate) -> bytes:
        """Page by page, up to the first that is not there."""
        read, found = self.backend.read_physical, bytearray()
        try:
            for _, physical, size in pieces(address, length, translate, PAGE):
                found += read(physical, size)
        except MemoryFault:
            if not found:
                raise
        return bytes(found)

    def span(self, address: int) -> tuple[int, bool]:
        """How many bytes from ``address`` on are alike, and whether they are memory; or as many as were
        looked at: a page table has no end.
        """
        end, there = address, None
        for _ in range(SPAN_PIECES):
            size, is_memory = self._piece(end)
            if there is None:
                there = is_memory
            if is_memory is not there:
                break
            end += size
        return end - address, bool(there)

    def _piece(self, address: int) -> tuple[int, bool]:
        found = self._translate(address)
        if found is None:
            return PAGE - address % PAGE, False
        regions = self.backend.regions
        for region in regions:
            if found.physical in region:
                return min(found.length, region.end - found.physical), True
        following = [r.start - found.physical for r in regions if r.start > found.physical]
        return min([found.length, *following]), False

    def write_memory(self, address: int, data: bytes) -> None:
        """Write all of ``data``, or nothing.

        Raises:
            MemoryFault: part of the range is not there.
        """
        here = self._translate(address)
        if here is not None and len(data) <= here.length:
            with suppress(MemoryFault):  # nearly always all of it is there, in one piece
                self.backend.write_physical(here.physical, data)
                return
        for virtual, physical, size in self._parts(address, len(data)):
            start = virtual - address
            self.backend.write_physical(physical, data[start : start + size])

    def _parts(self, address: int, length: int) -> list[tuple[int, int, int]]:
        """The pieces of a range, all of which is there; small ones where two regions of memory meet."""
        for largest in (length, PAGE):
            parts = list(pieces(address, length, self._translate, largest))
            try:
                for _, physical, size in parts:
                    self.backend.read_physical(physical, size)
            except MemoryFault:
                if largest == PAGE:
                    raise
            else:
                break
        return parts


def _as_it_is(address: int) -> Extent:
    return Extent(address, (1 << 64) - address)
