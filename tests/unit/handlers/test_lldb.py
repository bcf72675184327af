"""What LLDB asks besides."""

from __future__ import annotations

import pytest

from kvmgdb.guest import SPAN_PIECES
from kvmgdb.session import Session
from tests.support.sessions import ask, monitor, start

PAGE = 4096
GIB = 1 << 30


def fields(answer: bytes) -> dict[str, str]:
    return dict(pair.split(":") for pair in answer.decode().rstrip(";").split(";"))


@pytest.mark.parametrize(
    ("arch", "triple", "endian", "size"),
    [
        ("x86:64", "x86_64-unknown-unknown", "little", "8"),
        ("x86:32", "i386-unknown-unknown", "little", "4"),
        ("x86:16", "i386-unknown-unknown-code16", "little", "4"),
        ("ppc:440", "powerpc-unknown-unknown", "big", "4"),
    ],
)
def test_the_processor_as_llvm_names_it(arch: str, triple: str, endian: str, size: str) -> None:
    session = start(arch)

    host = fields(ask(session, b"qHostInfo"))

    assert bytes.fromhex(host.pop("triple")).decode() == triple
    assert host == {"endian": endian, "ptrsize": size}
    process = fields(ask(session, b"qProcessInfo"))
    assert process.pop("pid") == "1"
    assert process == fields(ask(session, b"qHostInfo"))


class TestMemoryRegions:
    """A debugger that walks them from one end to the other sees all of memory, and nothing twice."""

    def region(self, session: Session, address: int) -> tuple[int, int, bool]:
        found = fields(ask(session, b"qMemoryRegionInfo:%x" % address))
        assert found.get("permissions", "rwx") == "rwx"
        return int(found["start"], 16), int(found["size"], 16), "permissions" in found

    @pytest.mark.parametrize(
        ("arch", "top"), [("x86:32", 1 << 32), ("x86:64", 4 * GIB), ("ppc:440", 1 << 32)]
    )
    def test_they_follow_one_another(self, arch: str, top: int) -> None:
        session = start(arch)
        address, ends = 0, []
        while address < top:
            begin, size, there = self.region(session, address)
            assert begin == address
            assert size > 0
            address += size
            ends += [(begin, address)] if there else []
        joined = [begin for begin, _ in ends if begin not in {end for _, end in ends}]
        assert joined == [region.start for region in session.guest.backend.regions]
        assert sum(end - begin for begin, end in ends) == sum(r.size for r in session.guest.backend.regions)

    def test_what_is_not_mapped_is_looked_at_for_a_while(self, x86_session: Session) -> None:
        """Page tables have no end: as much is answered as is found out quickly."""
        assert self.region(x86_session, 4 * GIB + 16) == (4 * GIB + 16, SPAN_PIECES * PAGE - 16, False)

    def test_the_last_byte_of_the_address_space(self, x86_session: Session) -> None:
        assert self.region(x86_session, (1 << 64) - 1) == ((1 << 64) - 1, 1, False)

    def test_of_physical_memory_too(self, x86_session: Session) -> None:
        monitor(x86_session, "physical on")

        assert self.region(x86_session, 0) == (0, 16 << 20, True)
        assert self.region(x86_session, 16 << 20)[2] is False


def test_reasons_come_behind_the_number(x86_session: Session) -> None:
    assert ask(x86_session, b"mffffffffffff,1") == b"E0e"

    assert ask(x86_session, b"QEnableErrorStrings") == b"OK"

    number, _, text = ask(x86_session, b"mffffffffffff,1").partition(b";")
    assert number == b"E0e"
    assert bytes.fromhex(text.decode()) == b"nothing is mapped at address 0xffffffffffff"


def test_what_a_monitor_command_says_comes_before_its_reply(x86_session: Session) -> None:
    said: list[bytes] = []
    x86_session.say = said.append
    ask(x86_session, b"QEnableErrorStrings")

    assert ask(x86_session, b"qRcmd," + b"policy".hex().encode()) == b"OK"

    assert said[0].startswith(b"preset: transparent\n")


def test_the_next_debugger_may_be_another(x86_session: Session) -> None:
    ask(x86_session, b"QEnableErrorStrings")
    x86_session.attach()

    assert ask(x86_session, b"mffffffffffff,1") == b"E0e"
