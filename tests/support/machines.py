"""A guest on a backend, without a debugger: what the contract tests work on."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points

import pytest

from kvmgdb import builtin
from kvmgdb.arch.architecture import Arch
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import Stop
from kvmgdb.backends.base import Backend, GuestSetup
from kvmgdb.backends.memory import pieces
from kvmgdb.errors import RegisterAbsent
from kvmgdb.loader import LoadedImages, combine, read_image
from kvmgdb.plugins import ENTRY_POINT_GROUP, Plugins, load_plugins
from kvmgdb_x86 import kvm_probe
from tests.support import kvm_host
from tests.support.guests import EVERY, RISCV, X86, SampleGuest, sample
from tests.support.patience import PATIENCE
from tests.support.tools import need

BACKENDS = {"emulator": (*EVERY, *RISCV), "kvm": X86, "qemu": EVERY}
"""Every backend that must keep the contract, with the variants it runs on an x86 host."""

ABSENT = {("qemu", name) for name in ("star", "lstar", "sfmask", "pat")}
"""Registers that a backend does not have."""

MEMORY = 16 << 20
"""Bytes of RAM."""

LIMIT = 20.0 * PATIENCE
"""Seconds until a run that does not stop is a failure."""


@dataclass
class Machine:
    """One guest at its entry."""

    arch: Arch
    guest: SampleGuest
    backend: Backend
    printed: bytearray = field(default_factory=bytearray)
    memory: int = MEMORY
    """Bytes of RAM: some boards of QEMU's have it in large pieces."""

    def run(self) -> Stop:
        """Resume, as a debugger's ``continue`` does, until it stops."""
        with _pipe() as (readable, writable):
            alarm = threading.Timer(LIMIT, os.write, (writable, b"!"))
            alarm.start()
            try:
                stop = self.backend.resume(readable, fresh=True)
            finally:
                alarm.cancel()
                alarm.join()
        if stop is None:
            raise AssertionError(
                f"the guest has not stopped in {LIMIT:.0f} s; it is at {self.backend.pc():#x}"
            )
        return stop

    def run_to(self, address: int) -> None:
        """Run until ``address`` is reached for the next time."""
        self.backend.insert(BreakpointKind.HARDWARE, address, 1)
        stop = self.run()
        self.backend.remove(BreakpointKind.HARDWARE, address, 1)
        assert stop.pc == address, stop

    def register(self, name: str) -> int:
        """One register."""
        return self.backend.read_registers([name])[0]

    def registers(self) -> dict[str, int]:
        """All that travel in a ``g`` packet."""
        names = [register.name for register in self.arch.registers.bulk]
        return dict(zip(names, self.backend.read_registers(names), strict=True))

    @property
    def readable(self) -> list[str]:
        """The registers the backend knows: all, but for those that say of themselves that they are absent."""
        return [register.name for register in self.arch.registers if self._is_there(register.name)]

    def _is_there(self, name: str) -> bool:
        try:
            self.backend.read_registers([name])
        except RegisterAbsent:
            assert (self.backend.name, name) in ABSENT
            return False
        return True

    @property
    def pc_register(self) -> str:
        """``rip``, ``eip``, ``pc``."""
        return self.arch.registers.pc

    def read(self, address: int, length: int) -> bytes:
        """Memory as the guest sees it."""
        read, translate = self.backend.read_physical, self.backend.translate
        return b"".join(read(physical, size) for _, physical, size in pieces(address, length, translate))

    def write(self, address: int, data: bytes) -> None:
        """Write memory as the guest sees it."""
        for virtual, physical, size in list(pieces(address, len(data), self.backend.translate)):
            self.backend.write_physical(physical, data[virtual - address : virtual - address + size])

    def number(self, name: str) -> int:
        """A variable of the guest's, unsigned."""
        data = self.read(self.guest.symbol(name), self.guest.size(name))
        return int.from_bytes(data, self.arch.registers.byteorder)

    def set_number(self, name: str, value: int) -> None:
        """Change a variable of the guest's."""
        data = value.to_bytes(self.guest.size(name), self.arch.registers.byteorder)
        self.write(self.guest.symbol(name), data)


@contextmanager
def machine(arch: str, backend: str) -> Iterator[Machine]:
    """The sample guest of ``ARCH:VARIANT`` on a backend."""
    resolved = plugins().resolve(arch)
    guest = sample(arch)
    printed = bytearray()
    images = combine((read_image(guest.elf, None),), None)
    if backend == "kvm":
        if kvm_host.unavailable():
            pytest.skip(kvm_host.unavailable())
        images = _without_sse(guest, images)
    if backend == "qemu":
        need("the QEMU backend", resolved.qemu.board.program if resolved.qemu else "")
    setup = GuestSetup(resolved, images, MEMORY, printed.append, {})
    created = plugins().backends[backend].create(setup)
    try:
        ram = next(region for region in created.regions if region.name == "ram")
        yield Machine(resolved, guest, created, printed, ram.size)
    finally:
        created.close()


def _without_sse(guest: SampleGuest, images: LoadedImages) -> LoadedImages:
    """On a host whose KVM cannot execute SSE arithmetic, the one function that needs it gives its result."""
    if guest.arch != "x86:64" or kvm_host.has(kvm_probe.SSE):
        return images
    start = guest.symbol("floating")
    code = bytes.fromhex("b890010000 c3")  # mov eax, 400; ret
    segments = tuple(
        (address, data[: start - address] + code + data[start - address + len(code) :])
        if address <= start < address + len(data)
        else (address, data)
        for address, data in images.segments
    )
    return replace(images, segments=segments)


@cache
def plugins() -> Plugins:
    """The installed plugins, and the one of ``docs/riscv-plugin`` as if it were."""
    example = EntryPoint("riscv", "kvmgdb_riscv.plugin", ENTRY_POINT_GROUP)
    installed = entry_points(group=ENTRY_POINT_GROUP)
    others = [point for point in installed if point.name != example.name]
    return load_plugins(builtin, [*others, example], environment={})


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)
