"""The contract between the session and whatever runs the guest.

A backend runs the guest on the thread that calls it, and returns a :class:`~kvmgdb.arch.stops.Stop`.
It owns no policy: what a stop means is decided above it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.machine import Extent, Region
from kvmgdb.arch.stops import GuestException, Stop

if TYPE_CHECKING:
    from kvmgdb.arch.architecture import Arch
    from kvmgdb.loader import LoadedImages

HandBack = Callable[[GuestException], bool]
"""Asked of every exception the guest raises: True to let the guest's own handler have it."""
OnDelivered = Callable[[GuestException], None]
"""Told of every exception the guest's handler got."""


@dataclass(frozen=True, slots=True)
class HitTest:
    """Asked at each hit of a breakpoint or watchpoint whether the guest is to stop."""

    stops: Callable[[], bool]
    """Called while the guest stands at the hit: before the instruction; of a watchpoint, with memory as
    the access leaves it."""
    reads_registers: bool


class Observer(Protocol):
    """What a policy asks of a backend; :class:`BackendInfo` says it before there is one."""

    @property
    def name(self) -> str:
        """As in ``--backend``: ``emulator``, ``kvm``."""
        ...

    @property
    def sees_written_traps(self) -> bool:
        """Whether it is told of the trap instructions that a debugger writes into memory itself."""
        ...

    @property
    def sees_debug_events(self) -> bool:
        """Whether it asks its ``hand_back`` of the debug events that nobody here has brought about."""
        ...


class Backend(Observer, Protocol):
    """One guest."""

    breakpoint_kinds: frozenset[BreakpointKind]
    """What :meth:`insert` can take."""
    may_wait: bool
    """Whether a single step may take as long as it likes: it waits for an interrupt, or a handler of the
    guest's runs in it.  Then it is for :meth:`resume`, which can be woken: a run within an empty range."""
    hand_back: HandBack
    on_delivered: OnDelivered

    @property
    def regions(self) -> tuple[Region, ...]:
        """Guest-physical memory backed by bytes."""
        ...

    def read_registers(self, names: Sequence[str]) -> list[int]:
        """Values of registers by name, in the order asked.

        Raises:
            RegisterAbsent: it does not have one of them.
        """
        ...

    def write_register(self, name: str, value: int) -> None:
        """Set one register.

        Raises:
            RspError: the register is read-only, or the value does not fit the machine.
        """
        ...

    def translate(self, address: int) -> Extent | None:
        """Guest-virtual to guest-physical, as the guest sees memory now; None if not mapped."""
        ...

    def read_physical(self, address: int, length: int) -> bytes:
        """Guest-physical memory.

        Raises:
            MemoryFault: part of the range is not memory.
        """
        ...

    def write_physical(self, address: int, data: bytes) -> None:
        """Write guest-physical memory; all of it or nothing.

        Raises:
            MemoryFault: part of the range is not memory.
        """
        ...

    def insert(self, kind: BreakpointKind, address: int, length: int, test: HitTest | None = None) -> None:
        """Arm a breakpoint or watchpoint at a virtual address; done again, it gets another ``test``.

        A hit whose test says no is none: the guest goes on as if nothing were there.

        Raises:
            RspError: it cannot be armed; the text says why and, where something else holds what it
                would need, what.
        """
        ...

    def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Disarm what :meth:`insert` armed."""
        ...

    def step(self) -> Stop:
        """Execute one instruction, a breakpoint at the program counter notwithstanding."""
        ...

    def resume(self, wake: int | None, fresh: bool, within: range | None = None) -> Stop | None:
        """Run until something stops the guest, or until file descriptor ``wake`` is readable (None).

        ``fresh`` says that a debugger asked for it: a breakpoint at the program counter is then
        stepped over.  After a None the same run goes on with ``fresh`` false.

        With ``within`` it also stops, as after a step, at the first instruction whose linear address is
        not in the range.
        """
        ...

    def pc(self) -> int:
        """Linear address of the next instruction."""
        ...

    def reset(self) -> None:
        """Put the guest back to its start, images reloaded; breakpoints stay."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


@dataclass(frozen=True, slots=True)
class GuestSetup:
    """What a backend makes a guest from."""

    arch: Arch
    images: LoadedImages
    memory: int
    """Bytes of RAM, from guest-physical 0."""
    console: Callable[[int], None]
    """Takes every byte the guest prints."""
    options: Mapping[str, object]
    """What the configuration's ``backend`` mapping holds besides ``kind``."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing ``kvmgdb doctor`` has found."""

    name: str
    value: str
    ok: bool = True
    """False: it is missing, or does not work as it should."""


@dataclass(frozen=True, slots=True)
class BackendOption:
    """One key of a configuration's ``backend`` mapping besides ``kind``."""

    name: str
    type: type[bool] | type[int] | type[str] | type[Path] | type[list[str]]
    """What its value is; a path is given to the backend as text, and words may be a line of text, too."""
    summary: str


def _anything(_arch: Arch) -> None:
    """What :attr:`BackendInfo.can_run` and :attr:`BackendInfo.supports` are where a backend does not say."""


def _nothing(_archs: Sequence[Arch]) -> list[Finding]:
    """What :attr:`BackendInfo.examine` is where a backend does not say."""
    return []


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """One backend, for ``--backend``, ``kvmgdb plugins`` and ``kvmgdb doctor``."""

    name: str
    summary: str
    create: Callable[[GuestSetup], Backend]
    """Start a guest; raises :class:`kvmgdb.errors.BackendError` where this host cannot."""
    can_run: Callable[[Arch], None] = _anything
    """Raises the same where :attr:`create` would for every guest of the architecture; starts none."""
    examine: Callable[[Sequence[Arch]], list[Finding]] = _nothing
    """What there is to say of it on this host; asked with one of each architecture."""
    options: tuple[BackendOption, ...] | None = None
    """The options it has; others are refused with their place in the file.  None: it looks at them itself."""
    supports: Callable[[Arch], None] = _anything
    """Raises :class:`kvmgdb.errors.BackendError` where :attr:`create` would on every host."""
    sees_written_traps: bool = True
    """False: on no host; else a :class:`Backend` says so of the one it is on."""
    sees_debug_events: bool = True
    """Likewise."""
