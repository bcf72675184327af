"""The guest while it stands still: registers, memory, the translation between addresses.

Registers come with QEMU's ``g`` packet, once per stop, or one by one; what its stub does not have is taken
from what its monitor prints.  Once QEMU has ended, what was seen last is what is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kvmgdb.arch.machine import Extent
from kvmgdb.arch.qemu import QemuPort
from kvmgdb.arch.registers import RegisterFile
from kvmgdb.backends.memory import PAGE, pieces
from kvmgdb.backends.qemu import description
from kvmgdb.backends.qemu.gone import QemuGone
from kvmgdb.backends.qemu.memory import GuestMemory
from kvmgdb.backends.qemu.qmp import Qmp
from kvmgdb.backends.qemu.remote import Remote
from kvmgdb.errors import MemoryFault, RegisterAbsent, RspError


class View:
    """One processor's view."""

    def __init__(
        self, port: QemuPort, registers: RegisterFile, remote: Remote, qmp: Qmp, memory: GuestMemory
    ) -> None:
        self._port = port
        self._order = registers.byteorder
        self._pc_register = registers.pc
        self._remote = remote
        self._qmp = qmp
        self.memory = memory
        self._places = description.registers(lambda annex: remote.read_object("features", annex))
        self._values: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._printed: Mapping[str, int] = {}
        self._pages: dict[int, Extent | None] = {}
        self._pc: int | None = None

    def moved(self) -> None:
        """The guest has run: forget what was looked up."""
        self._values.clear()
        self._printed = {}
        self._pages.clear()
        self._pc = None
        self.memory.moved()

    # -- registers -----------------------------------------------------------------------------------

    def pc(self) -> int:
        """Linear address of the next instruction."""
        if self._pc is None:
            self._pc = self._port.linear_pc(self.read)
        return self._pc

    def read_registers(self, names: Sequence[str]) -> list[int]:
        """Values by name."""
        return [self.read(name) for name in names]

    def read(self, name: str) -> int:
        """One register."""
        if name in self._port.printed:
            return self._read_printed(name)
        place = self._port.names.get(name, name)
        found = self._values.get(place)
        return self._fetch(name, place) if found is None else found

    def general(self) -> dict[str, int]:
        """All that ``g`` brings."""
        return self._bulk()

    def _read_printed(self, name: str) -> int:
        if not self._printed:
            try:
                self._printed = self._port.parse_printed(self._qmp.human("info registers"))
            except QemuGone:
                return 0
        if name not in self._printed:
            raise RegisterAbsent(f"this QEMU does not print the register {name}")
        return self._printed[name]

    def _fetch(self, name: str, place: str) -> int:
        if name in self._port.absent or place not in self._places:
            raise RegisterAbsent(f"QEMU does not tell of the register {name}")
        if not self._values:
            self._values = self._bulk()
            if place in self._values:
                return self._values[place]
        try:
            answer = self._remote.ask(b"p%x" % self._places[place].number)
        except QemuGone:
            return 0
        if not answer or answer.startswith(b"E"):
            raise RegisterAbsent(f"QEMU does not tell of the register {name}")
        value = self._values[place] = int.from_bytes(bytes.fromhex(answer.decode("ascii")), self._order)
        return value

    def _bulk(self) -> dict[str, int]:
        """All of ``g``: the registers in the order of their numbers, as far as it goes."""
        try:
            data = bytes.fromhex(self._remote.ask(b"g").decode("ascii"))
        except QemuGone:
            return dict(self._last)
        found, at = {}, 0
        for name, (_, size) in self._places.items():
            if at + size > len(data):
                break
            found[name] = int.from_bytes(data[at : at + size], self._order)
            at += size
        self._last = found
        return dict(found)

    def write_register(self, name: str, value: int) -> None:
        """Set one register.

        Raises:
            RspError: it is read-only here, or QEMU refuses the value.
        """
        if name in self._port.read_only:
            raise RspError(f"register {name} is read-only")
        place = self._port.names.get(name, name)
        if name in self._port.printed or name in self._port.absent or place not in self._places:
            raise RspError(f"register {name} cannot be written: QEMU's stub does not have it")
        number, size = self._places[place]
        data = (value & (1 << 8 * size) - 1).to_bytes(size, self._order)
        answer = self._remote.ask(b"P%x=%b" % (number, data.hex().encode("ascii")))
        self.moved()
        if answer != b"OK":
            raise RspError(f"QEMU does not take {value:#x} for register {name}")

    def move(self, values: Mapping[str, int]) -> None:
        """Set several."""
        for name, value in values.items():
            self.write_register(name, value)

    # -- memory --------------------------------------------------------------------------------------

    def translate(self, address: int) -> Extent | None:
        """Guest-virtual to guest-physical."""
        try:
            return self._port.translate(self.read, address, self.memory.read)
        except NotImplementedError:
            return self._ask_qemu(address)

    def _ask_qemu(self, address: int) -> Extent | None:
        """By the monitor's ``gva2gpa``, once for each page and stop."""
        page, offset = address & -PAGE, address % PAGE
        if page not in self._pages:
            try:
                answer = self._qmp.human(f"gva2gpa {page:#x}")
            except QemuGone:
                return None
            _, found, digits = answer.partition("gpa: ")
            self._pages[page] = Extent(int(digits, 16), PAGE) if found else None
        extent = self._pages[page]
        return None if extent is None else Extent(extent.physical + offset, extent.length - offset)

    def read_virtual(self, address: int, length: int) -> bytes:
        """As much from ``address`` as is there."""
        found = b""
        try:
            for _, physical, size in pieces(address, length, self.translate):
                found += self.memory.read(physical, size)
        except MemoryFault:
            return found
        return found

    def write_virtual(self, address: int, data: bytes) -> None:
        """Write what is mapped."""
        for virtual, physical, size in list(pieces(address, len(data), self.translate)):
            self.memory.write(physical, data[virtual - address : virtual - address + size])
