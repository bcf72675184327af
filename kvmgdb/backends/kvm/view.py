"""The guest while it stands still: registers, memory, the translation between addresses."""

from __future__ import annotations

from collections.abc import Sequence

from kvmgdb.arch.kvm import KvmPort, VcpuState
from kvmgdb.arch.machine import Extent
from kvmgdb.backends.kvm.patches import Patches
from kvmgdb.backends.memory import PAGE, PhysicalMemory, pieces
from kvmgdb.errors import MemoryFault, RspError

_IN_PAGE, _PAGE_START = PAGE - 1, -PAGE


class View:
    """One processor's view."""

    def __init__(
        self, port: KvmPort, state: VcpuState, memory: PhysicalMemory, patches: Patches, pc_register: str
    ) -> None:
        self._port = port
        self._state = state
        self._memory = memory
        self._patches = patches
        self._trapped = patches.addresses
        self._pc_register = pc_register
        self._pages: dict[int, Extent | None] = {}
        self._pc: int | None = None
        self._code_at = -1
        self._code_physical = 0
        self._code: memoryview | None = None

    def moved(self, pc: int | None = None) -> None:
        """The guest has run, to ``pc`` where that is known: forget what was looked up."""
        self._pages.clear()
        self._pc = pc

    def pc(self) -> int:
        """Linear address of the next instruction."""
        if self._pc is None:
            self._pc = self._port.linear_pc(self._state)
        return self._pc

    def move_pc(self, delta: int) -> None:
        """Add ``delta`` to the program counter register."""
        [value] = self.read_registers([self._pc_register])
        self.write_register(self._pc_register, value + delta)

    def read_registers(self, names: Sequence[str]) -> list[int]:
        """Values by name."""
        registers, get = self._port.registers, self._state.get
        try:
            return [register.read(get(register.block)) for register in map(registers.__getitem__, names)]
        except KeyError as missing:
            raise RspError(f"KVM does not give the register {missing.args[0]}") from None

    def write_register(self, name: str, value: int) -> None:
        """Set one register, in the kernel too.

        Raises:
            RspError: it is read-only, or KVM refuses the value.
        """
        register = self._port.registers.get(name)
        if register is None or register.write is None:
            raise RspError(f"register {name} cannot be written on KVM")
        register.write(self._state.get(register.block), value, self.read_physical)
        self.moved()
        self.forget_code()
        try:
            self._state.put(register.block)
        except RspError as problem:
            raise RspError(f"{value:#x} for register {name}: {problem}") from problem

    def translate(self, address: int) -> Extent | None:
        """Guest-virtual to guest-physical; looked up once per page."""
        page = address & ~(PAGE - 1)
        if page not in self._pages:
            self._pages[page] = self._port.translate(self._state, page, self._memory.read)
        found = self._pages[page]
        offset = address - page
        if found is None or found.length <= offset:  # there are pages smaller than PAGE
            return self._port.translate(self._state, address, self._memory.read) if offset else None
        return Extent(found.physical + offset, found.length - offset)

    def physical(self, address: int) -> int | None:
        """Just where it lies."""
        found = self.translate(address)
        return None if found is None else found.physical

    def code_page(self, address: int) -> memoryview | None:
        """The page that virtual ``address`` is in, as the guest executes it now: with our traps.  It is
        looked up once, until somebody has the last one forgotten.
        """
        first = address & _PAGE_START
        if first != self._code_at:
            physical = self.physical(first)
            self._code = None if physical is None else self._memory.page(physical)
            self._code_at, self._code_physical = first, physical or 0
        return self._code

    def code_byte(self, address: int) -> int | None:
        """The byte of that page at ``address``, without our traps."""
        page, offset = self.code_page(address), address & _IN_PAGE
        if page is None:
            return None
        if address in self._trapped:
            return self.read_physical(self._code_physical + offset, 1)[0]
        return page[offset]

    def forget_code(self) -> None:
        """The page of code may be another by now: more has happened than plain steps."""
        self._code_at = -1

    def read_physical(self, address: int, length: int) -> bytes:
        """Guest-physical memory, without our traps."""
        return self._patches.read(address, length)

    def write_physical(self, address: int, data: bytes) -> None:
        """Write guest-physical memory, under our traps."""
        self._patches.write(address, data)
        self._pages.clear()
        self.forget_code()

    def clear_bits(self, address: int, bits: int) -> None:
        """Clear bits of one byte of guest-virtual memory, if it is there."""
        physical = self.physical(address)
        if physical is not None:
            [byte] = self.read_physical(physical, 1)
            if byte & bits:
                self.write_physical(physical, bytes((byte & ~bits,)))

    def places(self, address: int, length: int) -> list[tuple[int, int]]:
        """(physical address, size) of each piece of a virtual range.

        Raises:
            MemoryFault: part of it is not mapped.
        """
        return [(physical, size) for _, physical, size in pieces(address, length, self.translate)]

    def read_virtual(self, address: int, length: int) -> bytes:
        """As much from ``address`` as is there."""
        found = b""
        try:
            here = self.translate(address)
            if here is not None and length <= here.length:  # nearly always all of it is in one piece
                return self.read_physical(here.physical, length)
            for physical, size in self.places(address, length):
                found += self.read_physical(physical, size)
        except MemoryFault:
            return found
        return found
