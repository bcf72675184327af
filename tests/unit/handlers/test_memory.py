"""``m x M X``."""

from __future__ import annotations

import pytest

from kvmgdb.handlers.memory import MAX_READ
from kvmgdb.rsp.bulk import unescape
from kvmgdb.rsp.framing import MAX_PACKET, expand_runs
from kvmgdb.session import Session
from tests.support.guests import sample
from tests.support.sessions import GDB_13, ask, error_text, start

PLACE = 0x80000  # in the guest's memory and not used by it


def test_hex(session: Session) -> None:
    ask(session, b"M80000,4:12345678")

    assert ask(session, b"m80000,4") == b"12345678"


def test_binary(session: Session) -> None:
    assert ask(session, b"X80000,5:#$}*\0") == b"OK"

    assert ask(session, b"x80000,5") == b"b}\x03}\x04}]}\n\0"
    assert ask(session, b"m80000,5") == b"23247d2a00"


def test_the_probe_for_binary_writes(session: Session) -> None:
    """gdb writes nothing at an address it cares for, to see whether it may."""
    assert ask(session, b"Xffffffff,0:") == b"OK"


@pytest.mark.parametrize(("packet", "reply"), [(b"m80000,0", b"OK"), (b"x80000,0", b"b")])
def test_reading_nothing(session: Session, packet: bytes, reply: bytes) -> None:
    assert ask(session, packet) == reply


def test_a_long_read_of_zeros_is_short_on_the_wire(session: Session) -> None:
    reply = ask(session, b"m80000,1000")

    assert len(reply) < 0x1000 / 4
    assert expand_runs(reply) == b"00" * 0x1000


@pytest.mark.parametrize("byte", [b"\x5a", b"}"])
def test_any_reply_fits_a_packet(session: Session, byte: bytes) -> None:
    """Also where every byte has to be escaped."""
    session.guest.write_memory(PLACE, byte * MAX_READ)

    assert len(ask(session, b"m80000,40000")) <= MAX_PACKET
    binary = ask(session, b"x80000,40000")
    assert len(binary) <= MAX_PACKET
    assert unescape(binary[1:]) == byte * MAX_READ


def test_a_read_gives_what_there_is(session: Session) -> None:
    assert ask(session, b"mfffffe,8") == b"0000"


def test_where_there_is_nothing(session: Session) -> None:
    assert ask(session, b"m1000000,4") == b"E0e"
    assert ask(session, b"x1000000,4") == b"E0e"
    assert ask(session, b"M1000000,1:00") == b"E0e"
    assert "0x1000000" in error_text(session, b"m1000000,4")


def test_a_write_that_does_not_fit_changes_nothing(session: Session) -> None:
    assert ask(session, b"Mfffffe,4:12345678") == b"E0e"
    assert ask(session, b"mfffffe,2") == b"0000"


def test_what_is_written_into_code_is_executed(session: Session) -> None:
    guest = sample(str(session.guest.arch.id))
    where = guest.symbol("count_to")
    ask(session, b"Z0,%x,4" % where)
    ask(session, b"vCont;c")
    ask(session, b"vCont;s")
    here = session.guest.backend.pc()
    nop = b"\x90" * 4 if guest.is_x86 else b"\x60\x00\x00\x00"

    ask(session, b"X%x,4:%b" % (here, nop))
    ask(session, b"vCont;s")

    assert session.guest.backend.pc() == here + (1 if guest.is_x86 else 4)


def write(session: Session, address: int, data: bytes, *, binary: bool) -> None:
    body = data if binary else data.hex().encode()
    assert ask(session, b"%c%x,%x:%b" % (b"MX"[binary], address, len(data), body)) == b"OK"


class TestWatchedWrites:
    """Where gdb writes its own traps, the stub takes note of them."""

    @pytest.mark.parametrize(("arch", "trap"), [("x86:64", b"\xcc"), ("ppc:440", b"\x7f\xe0\x00\x08")])
    def test_a_trap_is_known_until_it_is_taken_back(self, arch: str, trap: bytes) -> None:
        session = start(arch, preset="gdb-owned")
        where = sample(arch).symbol("count_to")
        before = session.guest.read_memory(where, len(trap))

        ask(session, b"X%x,%x:%b" % (where, len(trap), trap))
        assert where in session.traps
        ask(session, b"X%x,%x:%b" % (where, len(before), before))
        assert where not in session.traps

    @pytest.mark.parametrize("preset", ["gdb-owned", "minimal"])
    @pytest.mark.parametrize("binary", [True, False], ids=["X", "M"])
    @pytest.mark.parametrize(
        ("arch", "trap"),
        [("x86:64", b"\xcc"), ("ppc:440", b"\x7f\xe0\x00\x08"), ("ppc:440", b"\x7d\x82\x10\x08")],
        ids=["int3", "trap", "the trap of an old gdb"],
    )
    @pytest.mark.parametrize(("ahead", "behind"), [(0, 0), (0, 12), (8, 0), (8, 60)])
    def test_the_guest_stops_at_one_and_goes_on_without_it(
        self, arch: str, trap: bytes, binary: bool, ahead: int, behind: int, preset: str
    ) -> None:
        """However a debugger writes it, and however many bytes around it with it."""
        session = start(arch, preset=preset)
        ask(session, GDB_13)
        where = sample(arch).symbol("count_to")
        start_of_write = where - ahead
        before = session.guest.read_memory(start_of_write, ahead + len(trap) + behind)
        after = before[:ahead] + trap + before[ahead + len(trap) :]

        write(session, start_of_write, after, binary=binary)
        assert b"swbreak:" in ask(session, b"vCont;c")
        assert session.guest.backend.pc() == where
        write(session, start_of_write, before, binary=binary)
        assert ask(session, b"vCont;c") == b"W00"

    def test_not_where_the_stub_sets_breakpoints(self, x86_session: Session) -> None:
        ask(x86_session, b"X100000,1:\xcc")

        assert 0x100000 not in x86_session.traps

    def test_not_by_physical_address(self) -> None:
        """Traps are met at virtual ones."""
        session = start("x86:64", preset="gdb-owned")
        ask(session, b"Qqemu.PhyMemMode:1")
        ask(session, b"X100000,1:\xcc")

        assert 0x100000 not in session.traps

    def test_a_write_to_nowhere_is_refused_as_ever(self) -> None:
        session = start("x86:64", preset="gdb-owned")

        assert ask(session, b"Xfffffe,4:abcd") == b"E0e"
        assert ask(session, b"mfffffe,2") == b"0000"
