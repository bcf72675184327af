"""What the QEMU backend must know of an architecture.

The backend owns the child process, its protocols, the run loop, breakpoints and memory; a port owns
everything that has the architecture's registers or boards in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kvmgdb.arch.machine import DeviceRegion, Extent, ReadPhysical, StartState

ReadRegister = Callable[[str], int]
"""Name, as the register file has it -> value."""


@dataclass(frozen=True, slots=True)
class Board:
    """The machine a guest gets where the configuration names none."""

    program: str
    """``qemu-system-ppc``."""
    package: str
    """What has to be installed for it (Debian's name)."""
    machine: str
    """``-machine``."""
    cpu: str
    """``-cpu``; empty: the machine's own."""
    memory_step: int = 1 << 20
    """Its memory comes in multiples of this, in bytes."""
    arguments: tuple[str, ...] = ()
    """``{console}`` and ``{exit}`` stand for the character devices that take what the guest prints, and the
    byte it ends with."""


@dataclass(frozen=True, slots=True)
class Unhandled:
    """An exception of the guest's that has arrived where no handler is."""

    reason: str
    """A clause."""
    signal: int
    back: Mapping[str, int]
    """The registers that lead back to the instruction."""


@dataclass(frozen=True, slots=True)
class Access:
    """What an instruction that was just executed did to memory."""

    address: int
    """Virtual."""
    size: int
    """Bytes."""
    before: Mapping[str, int] | None
    """The registers that lead back in front of it; None where it cannot be made again."""


class Control(Protocol):
    """The guest, before its first instruction, for :meth:`QemuPort.prepare`."""

    def read(self, name: str) -> int:
        """A register."""
        ...

    def write(self, name: str, value: int) -> None:
        """Set a register."""
        ...

    def write_memory(self, address: int, data: bytes) -> None:
        """Write RAM, by guest-physical address."""
        ...

    def run_to(self, address: int) -> None:
        """Run until the instruction at a virtual address is the next."""
        ...


class QemuPort(Protocol):
    """One architecture on QEMU.  One object serves one guest and may keep state."""

    board: Board
    names: Mapping[str, str]
    """Register -> what QEMU's target description calls it, where that differs."""
    printed: frozenset[str]
    """Registers that QEMU only prints (``info registers``): read, never written."""
    absent: frozenset[str]
    """Registers QEMU does not tell of."""
    read_only: frozenset[str]
    """Registers QEMU would let be written, and no processor does."""
    overlaid: range
    """Guest-physical addresses inside RAM that the board may put something else over; empty: none."""
    firmware_at: int | None
    """Where :meth:`firmware` lies, in a ROM, byte by byte; None where that is not known."""
    devices: DeviceRegion | None
    """Where a store is a byte for the console or the exit device and QEMU has no such device: it is watched
    for, and served here (:meth:`served`)."""

    def firmware(self) -> bytes | None:
        """What ``-bios`` gets; None: nothing is needed, not even QEMU's own."""
        ...

    def prepare(self, control: Control, start: StartState) -> None:
        """Bring the processor, just reset, into its start state."""
        ...

    def parse_printed(self, text: str) -> dict[str, int]:
        """The values of :attr:`printed` in what ``info registers`` has answered."""
        ...

    def linear_pc(self, read: ReadRegister) -> int:
        """Linear (virtual) address of the next instruction."""
        ...

    def translate(self, read: ReadRegister, address: int, memory: ReadPhysical) -> Extent | None:
        """Guest-virtual to guest-physical; None where nothing is mapped.

        Raises:
            NotImplementedError: QEMU is to be asked.
        """
        ...

    def access(self, word: bytes, read: ReadRegister) -> Access | None:
        """What the instruction whose bytes are ``word``, just executed, did; None where that is not known.
        Only asked of architectures that report a watchpoint before the access.
        """
        ...

    def served(self, word: bytes, read: ReadRegister) -> tuple[int, int] | None:
        """The store that was just made to :attr:`devices`, as offset and byte; None if it was none."""
        ...

    def vectors(self, read: ReadRegister) -> Sequence[int]:
        """The addresses at which exceptions arrive, where nothing may be there to take them."""
        ...

    def unhandled(self, read: ReadRegister, address: int, code: bytes) -> Unhandled | None:
        """What it means that the guest is at ``address``, one of :meth:`vectors`, where ``code`` is; None if
        that is a handler.
        """
        ...
