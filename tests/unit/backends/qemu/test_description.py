"""QEMU's target description: numbers as gdb counts them."""

from __future__ import annotations

import pytest

from kvmgdb.backends.qemu.description import Place, registers
from kvmgdb.errors import BackendError

DOCUMENTS = {
    "target.xml": b'<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target>'
    b'<xi:include href="core.xml"/><xi:include href="spr.xml"/></target>',
    "core.xml": b'<feature name="core"><reg name="r0" bitsize="32" regnum="0"/><reg name="r1" bitsize="32"/>'
    b'<reg name="lr" bitsize="32" regnum="67"/><reg name="ctr" bitsize="32"/></feature>',
    "spr.xml": b'<feature name="spr"><reg name="xer" bitsize="32"/><reg name="lr" bitsize="32"/>'
    b'<reg name="pvr" bitsize="64"/></feature>',
}


def test_a_number_that_is_not_said_follows_the_one_before() -> None:
    assert registers(DOCUMENTS.__getitem__) == {
        "r0": Place(0, 4),
        "r1": Place(1, 4),
        "lr": Place(67, 4),
        "ctr": Place(68, 4),
        "xer": Place(69, 4),
        "pvr": Place(71, 8),
    }


def test_what_is_no_xml_is_an_error() -> None:
    with pytest.raises(BackendError, match=r"target\.xml cannot be read"):
        registers(lambda annex: b"<target>")
