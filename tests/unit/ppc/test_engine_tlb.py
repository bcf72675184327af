"""How far a translation of a 440 holds, asked of the engine's own entries."""

from __future__ import annotations

import struct

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.machine import Extent
from kvmgdb.backends.base import Backend
from kvmgdb_ppc.instructions import load, tlbwe
from tests.support.sessions import start

VALID, OTHER_SPACE, ALL_RIGHTS = 0x200, 0x100, 0x3F
KIB, KIB_16, MIB_16 = 0x00, 0x20, 0x70
"""TLB word 0, SIZE (PPC440x5, "TLB Fields")."""


@pytest.fixture
def backend() -> Backend:
    return start("ppc:440").guest.backend


def write_entry(backend: Backend, index: int, word_0: int, real: int) -> None:
    """Have the guest do it."""
    code = load(4, index)
    for word, value in enumerate((word_0, real, ALL_RIGHTS)):
        code += [*load(3, value), tlbwe(3, 4, word)]
    backend.write_physical(0x8000, struct.pack(f">{len(code)}I", *code))
    backend.write_register("pc", 0x8000)
    for _ in code:
        backend.step()


def test_it_holds_to_the_end_of_its_entry(backend: Backend) -> None:
    assert backend.translate(0x1234) == Extent(0x1234, (1 << 28) - 0x1234)
    assert backend.translate(0x1000_0000) is None


@pytest.mark.parametrize(("size", "length"), [(KIB, 1 << 10), (KIB_16, 1 << 14), (MIB_16, 1 << 24)])
def test_entries_of_every_size(backend: Backend, size: int, length: int) -> None:
    write_entry(backend, 2, 0x2000_0000 | VALID | size, 0x300_0000)

    assert backend.translate(0x2000_0010) == Extent(0x300_0010, length - 0x10)


def test_an_entry_of_the_other_address_space_says_nothing(backend: Backend) -> None:
    write_entry(backend, 2, 0x2000_0000 | VALID | OTHER_SPACE | MIB_16, 0x4000)
    write_entry(backend, 3, 0x2000_0000 | VALID | KIB, 0x4000)

    assert backend.translate(0x2000_0000) == Extent(0x4000, 0x400)


def test_an_entry_that_is_gone_says_nothing(backend: Backend) -> None:
    write_entry(backend, 2, 0x2000_0000 | VALID | MIB_16, 0)
    assert backend.translate(0x2000_0000) == Extent(0, 1 << 24)

    write_entry(backend, 2, 0x2000_0000 | KIB, 0)

    assert backend.translate(0x2000_0000) is None


def test_a_watch_of_what_a_reset_takes_from_the_tlb_does_not_hinder_it(backend: Backend) -> None:
    write_entry(backend, 2, 0x2000_0000 | VALID | MIB_16, 0)
    backend.insert(BreakpointKind.WRITE, 0x2000_0010, 4)

    backend.reset()

    assert backend.translate(0x2000_0010) is None
    backend.remove(BreakpointKind.WRITE, 0x2000_0010, 4)
