"""``g G p P``."""

from __future__ import annotations

import pytest

from kvmgdb.session import Session
from tests.support.sessions import ask, error_text, start


def test_one_register(x86_session: Session) -> None:
    assert ask(x86_session, b"p10") == b"0000100000000000"  # rip, at the entry


def test_in_target_byte_order(ppc_session: Session) -> None:
    assert ask(ppc_session, b"p40") == b"00010000"  # pc


def test_all_registers_begin_with_the_first(session: Session) -> None:
    ask(session, b"P0=" + b"12" * (len(ask(session, b"p0")) // 2))

    assert ask(session, b"g").startswith(ask(session, b"p0"))


def test_writing_one(session: Session) -> None:
    value = ask(session, b"p3").replace(b"0", b"a")

    assert ask(session, b"P3=" + value) == b"OK"
    assert ask(session, b"p3") == value


def test_writing_all(session: Session) -> None:
    before = ask(session, b"g")
    after = b"5a" + before[2:]

    assert ask(session, b"G" + after) == b"OK"
    assert ask(session, b"g") == after


def test_what_all_registers_were_can_be_written_back(session: Session) -> None:
    before = ask(session, b"g")
    ask(session, b"vCont;s")

    assert ask(session, b"G" + before) == b"OK"
    assert ask(session, b"g") == before


@pytest.mark.parametrize("packet", [b"p3e7", b"P3e7=00", b"pffffffffffffffff"])
def test_a_number_that_does_not_exist(x86_session: Session, packet: bytes) -> None:
    assert "x86:64 has no register number" in error_text(x86_session, packet)


def test_a_value_of_the_wrong_size(x86_session: Session) -> None:
    assert error_text(x86_session, b"P0=00") == "register rax is 8 bytes; the packet brings 1"
    assert error_text(x86_session, b"G00") == "G brings 1 bytes; the registers are 536"


def test_a_register_that_cannot_be_written(x86_session: Session) -> None:
    number = x86_session.guest.arch.registers.by_name["cs_base"].number

    text = error_text(x86_session, b"P%x=0100000000000000" % number)

    assert text == "register cs_base cannot be written on the emulator"


@pytest.mark.parametrize(
    ("arch", "name"),
    [
        ("x86:64", "cr3"),
        ("x86:64", "dr0"),
        ("x86:64", "lstar"),
        ("ppc:440", "srr0"),
        ("ppc:440", "iac1"),
        ("ppc:750", "iabr"),
    ],
)
def test_system_registers_are_written_by_number_too(arch: str, name: str) -> None:
    session = start(arch)
    register = session.guest.arch.registers.by_name[name]
    value = session.guest.arch.registers.encode(register, 0x4000).hex().encode()

    assert ask(session, b"P%x=%b" % (register.number, value)) == b"OK"
    assert ask(session, b"p%x" % register.number) == value
