"""Registers and memory of a guest on the emulator."""

from __future__ import annotations

from collections.abc import Sequence

from unicorn import UcError
from unicorn import unicorn_const as uc

from kvmgdb.arch.emulator import EmulatorPort, Engine
from kvmgdb.arch.machine import Extent, Region
from kvmgdb.backends.emulator.registers import Batch
from kvmgdb.backends.memory import PAGE, PhysicalMemory, pieces
from kvmgdb.errors import MemoryFault, RspError


class GuestState:
    """What a debugger reads and writes; :class:`EmulatorBackend` adds the running."""

    def __init__(self, port: EmulatorPort, memory_size: int) -> None:
        self._port = port
        self._memory = PhysicalMemory((Region(0, memory_size, "ram"), *port.regions))
        self.regions = self._memory.regions

    def _new_engine(self) -> Engine:
        """An engine on cleared memory."""
        self._memory.clear()
        self._batches: dict[tuple[str, ...], Batch] = {}
        self._pages: dict[int, Extent | None] = {}
        self._engine: Engine = self._port.create()
        self._engine.ctl_exits_enabled(True)
        for region in self.regions:
            self._engine.mem_map_ptr(region.start, region.size, uc.UC_PROT_ALL, self._memory.pointer(region))
        return self._engine

    def forget(self) -> None:
        """Look translations up anew: the guest has run, or something they depend on was written."""
        self._pages.clear()

    def pc(self) -> int:
        """Linear address of the next instruction."""
        return self._port.linear_pc(self._engine, self.read_physical)

    def read_registers(self, names: Sequence[str]) -> list[int]:
        """Values by name: those the engine numbers in one call, the others one by one."""
        direct, computed = self._port.direct, self._port.computed
        key = tuple(names)
        batch = self._batches.get(key)
        if batch is None:
            batch = Batch(self._engine, [direct[name] for name in names if name in direct])
            self._batches[key] = batch
        found = batch.read()
        if len(found) == len(key):
            return found
        values = iter(found)
        return [
            next(values) if name in direct else computed[name].read(self._engine, self.read_physical)
            for name in names
        ]

    def write_register(self, name: str, value: int) -> None:
        """Set one register."""
        computed = self._port.computed.get(name)
        self.forget()
        try:
            if computed is None:
                self._engine.reg_write(self._port.direct[name], value)
            elif computed.write is None:
                raise RspError(f"register {name} cannot be written on the emulator")
            else:
                computed.write(self._engine, value)
        except UcError as problem:
            raise RspError(f"the emulator refuses {value:#x} for register {name}: {problem}") from problem

    # -- memory --------------------------------------------------------------------------------------

    def translate(self, address: int) -> Extent | None:
        """Guest-virtual to guest-physical; looked up once per page while the guest stands still."""
        page = address & ~(PAGE - 1)
        if page not in self._pages:
            self._pages[page] = self._port.translate(self._engine, page, self._memory.read)
        found = self._pages[page]
        offset = address - page
        if found is None or found.length <= offset:  # there are pages smaller than PAGE
            return self._port.translate(self._engine, address, self._memory.read) if offset else None
        return Extent(found.physical + offset, found.length - offset)

    def read_physical(self, address: int, length: int) -> bytes:
        """Guest-physical memory."""
        return self._memory.read(address, length)

    def write_physical(self, address: int, data: bytes) -> None:
        """Write guest-physical memory."""
        self._memory.write(address, data)
        self.forget()

    def read_virtual(self, address: int, length: int) -> bytes:
        """Memory as the guest sees it; :class:`MemoryFault` unless all of it is there."""
        here = self.translate(address)
        if here is not None and length <= here.length:  # as nearly always
            return self.read_physical(here.physical, length)
        return b"".join(
            self.read_physical(physical, size)
            for _, physical, size in pieces(address, length, self.translate)
        )

    def read_code(self, address: int, length: int) -> bytes | None:
        """The same; None unless all of it is there."""
        try:
            return self.read_virtual(address, length)
        except MemoryFault:
            return None
