"""``qXfer``: the documents gdb reads."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from kvmgdb.arch.target_xml import target_xml
from kvmgdb.handlers.objects import FEATURES, OBJECTS
from kvmgdb.rsp.bulk import unescape
from kvmgdb.session import Session
from tests.support.sessions import ask, error_text


def read(session: Session, name: str, annex: str = "", size: int = 0xFFB) -> str:
    """A whole document, as gdb reads it."""
    found = b""
    while True:
        packet = f"qXfer:{name}:read:{annex}:{len(found):x},{size:x}"
        answer = ask(session, packet.encode())
        assert len(unescape(answer[1:])) <= size
        found += unescape(answer[1:])
        if answer[:1] == b"l":
            return found.decode()


@pytest.mark.parametrize("size", [0xFFB, 64, 0x40000])
def test_the_target_description(session: Session, size: int) -> None:
    assert read(session, "features", "target.xml", size) == target_xml(session.guest.arch.registers)


def test_there_is_no_other_description(x86_session: Session) -> None:
    text = error_text(x86_session, b"qXfer:features:read:other.xml:0,100")

    assert text == "there is no description 'other.xml', only target.xml"


@pytest.mark.parametrize(("arch", "bits"), [("x86_session", 64), ("ppc_session", 32)])
def test_all_addresses_may_be_memory(request: pytest.FixtureRequest, arch: str, bits: int) -> None:
    """gdb does not even ask for what a map leaves out; what is there, the stub says access by access."""
    document = ElementTree.fromstring(read(request.getfixturevalue(arch), "memory-map"))

    [memory] = document.iter("memory")
    assert memory.get("type") == "ram"
    assert int(memory.get("start", ""), 16) == 0
    assert int(memory.get("length", ""), 16) in (1 << bits, (1 << bits) - 1)


def test_the_processors(x86_session: Session) -> None:
    document = ElementTree.fromstring(read(x86_session, "threads"))

    [thread] = document
    assert thread.attrib == {"id": "1", "core": "0", "name": "vCPU 0"}
    assert thread.text == "x86:64, long mode, ring 0"


def test_an_object_that_does_not_exist_gets_the_empty_reply(x86_session: Session) -> None:
    assert ask(x86_session, b"qXfer:auxv:read::0,100") == b""


def test_what_there_is_is_offered() -> None:
    assert set(FEATURES) == {f"qXfer:{name}:read+" for name in OBJECTS}
