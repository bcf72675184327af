"""A breakpoint in the first block a guest ever executes."""

from __future__ import annotations

import os

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import StopKind
from kvmgdb.backends.base import Backend, GuestSetup
from kvmgdb.loader import LoadedImages
from tests.support.machines import plugins

ENDLESS = {
    "x86:64": b"\x90\x90\xeb\xfc",  # nop; nop; jmp back to the first
    "x86:32": b"\x90\x90\xeb\xfc",
    "x86:16": b"\x90\x90\xeb\xfc",
    "ppc:440": bytes.fromhex("60000000 60000000 4bfffff8"),
    "ppc:750": bytes.fromhex("60000000 60000000 4bfffff8"),
    "riscv:rv64": bytes.fromhex("0100 0100 f5bf"),  # c.nop; c.nop; c.j back to the first
}
ENTRY = 0x7C00


def _guest(arch_name: str) -> Backend:
    images = LoadedImages(((ENTRY, ENDLESS[arch_name]),), ENTRY)
    setup = GuestSetup(plugins().resolve(arch_name), images, 1 << 20, lambda _: None, {})
    return plugins().backends["emulator"].create(setup)


@pytest.mark.parametrize("arch_name", ENDLESS)
def test_it_is_hit_in_a_guest_of_a_single_block(arch_name: str) -> None:
    """The emulator does not report the first block of its life as a new one; it must not be missed."""
    backend = _guest(arch_name)
    backend.insert(BreakpointKind.SOFTWARE, ENTRY, 1)
    reader, writer = os.pipe()
    os.write(writer, b"x")  # a missed breakpoint ends the run instead of hanging the test
    try:
        for _ in range(3):
            stop = backend.resume(reader, fresh=True) or backend.resume(reader, fresh=False)
            assert stop is not None
            assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, ENTRY)
    finally:
        os.close(reader)
        os.close(writer)
