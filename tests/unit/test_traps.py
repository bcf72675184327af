"""The traps gdb has written itself, known by its writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.traps import WrittenTrap, WrittenTraps
from kvmgdb_ppc.plugin import BREAKPOINTS as PPC
from kvmgdb_x86.plugin import BREAKPOINTS as X86

TRAP, OLD_TRAP, NOP = b"\x7f\xe0\x00\x08", b"\x7d\x82\x10\x08", b"\x60\x00\x00\x00"


@given(st.binary(min_size=1, max_size=12), st.data())
def test_a_trap_is_known_until_it_is_taken_back(before: bytes, data: st.DataObject) -> None:
    """However many bytes around it are written along; over a trap of the guest's, only one written alone."""
    place = data.draw(st.integers(0, len(before) - 1))
    after = before[:place] + b"\xcc" + before[place + 1 :]
    traps = WrittenTraps(X86)

    traps.on_write(0x1000, before, after)
    assert (0x1000 + place in traps) == (before[place] != 0xCC or before == b"\xcc")
    traps.on_write(0x1000, after, before)
    assert len(traps) == 0


@pytest.mark.parametrize("trap", [TRAP, OLD_TRAP], ids=["trap", "twge 2,2"])
def test_the_traps_of_older_debuggers_too(trap: bytes) -> None:
    traps = WrittenTraps(PPC)

    traps.on_write(0x1000, NOP, trap)

    assert 0x1000 in traps


def test_a_trap_of_which_one_byte_is_new() -> None:
    traps = WrittenTraps(PPC)

    traps.on_write(0x1000, b"\x7f\xe0\x00\x09", TRAP)

    assert 0x1000 in traps


@pytest.mark.parametrize(
    ("address", "before", "after"),
    [
        (0x1000, b"\x90\x90", b"\x90\x90"),  # nothing has changed
        (0x1000, b"\x90\xcc", b"\x90\xcc"),  # a trap that was there before
        (0x1000, b"\x00\x00\x00", b"\x55\xcc\xc3"),  # a program with a trap of its own is loaded
        (0x1000, b"\x90\x90", b"\xcc\xcc"),
    ],
)
def test_what_is_no_breakpoint(address: int, before: bytes, after: bytes) -> None:
    traps = WrittenTraps(X86)

    traps.on_write(address, before, after)

    assert len(traps) == 0


@pytest.mark.parametrize("before", [NOP, TRAP], ids=["new", "there before"])
def test_a_trap_between_instructions_is_data(before: bytes) -> None:
    traps = WrittenTraps(PPC)

    traps.on_write(0x1002, before, TRAP)

    assert len(traps) == 0


@pytest.mark.parametrize("trap", [TRAP, OLD_TRAP], ids=["trap", "twge 2,2"])
def test_one_over_a_trap_of_the_guests_is_gdbs_until_it_is_written_once_more(trap: bytes) -> None:
    traps = WrittenTraps(PPC)

    for is_gdbs in (True, False, True, False):
        traps.on_write(0x1000, trap, trap)
        assert (0x1000 in traps) is is_gdbs


def test_one_that_is_written_again_stays() -> None:
    traps = WrittenTraps(X86)
    traps.on_write(0x1000, b"\x90", b"\xcc")

    for _ in range(3):
        traps.on_write(0x1000, b"\xcc", b"\xcc")
        assert 0x1000 in traps


def test_what_was_there_before_is_kept() -> None:
    traps = WrittenTraps(PPC)

    traps.on_write(0x1000, b"\x11\x11\x11\x11" + NOP, b"\x11\x11\x11\x11" + TRAP)

    assert list(traps) == [WrittenTrap(0x1004, TRAP, NOP)]


@pytest.mark.parametrize("place", [0, 3])
def test_a_write_into_a_trap_ends_it(place: int) -> None:
    traps = WrittenTraps(PPC)
    traps.on_write(0x1000, NOP, TRAP)

    traps.on_write(0x1000 + place, TRAP[place : place + 1], b"\x11")

    assert 0x1000 not in traps


def test_a_write_beside_it_does_not() -> None:
    traps = WrittenTraps(PPC)
    traps.on_write(0x1000, NOP, TRAP)

    traps.on_write(0x1004, NOP, TRAP)
    traps.on_write(0xFFC, NOP, b"\0\0\0\0")

    assert 0x1000 in traps
    assert 0x1004 in traps


def test_all_are_forgotten_when_memory_is_put_back() -> None:
    traps = WrittenTraps(X86)
    traps.on_write(0x1000, b"\x90", b"\xcc")

    traps.clear()

    assert len(traps) == 0
