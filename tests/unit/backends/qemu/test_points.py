"""What QEMU is told of breakpoints: the difference, and only when the guest runs."""

from __future__ import annotations

from typing import cast

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.backends.qemu.points import Points
from kvmgdb.backends.qemu.remote import Remote
from kvmgdb.errors import BackendError

SOFTWARE, HARDWARE, WRITE = BreakpointKind.SOFTWARE, BreakpointKind.HARDWARE, BreakpointKind.WRITE


class Stub:
    """Takes packets down, and answers all of them alike."""

    def __init__(self, answer: bytes = b"OK") -> None:
        self.asked: list[bytes] = []
        self._answer = answer

    def ask(self, payload: bytes) -> bytes:
        self.asked.append(payload)
        return self._answer

    def take(self) -> list[bytes]:
        asked, self.asked = self.asked, []
        return asked


def sync(points: Points, stub: Stub) -> list[bytes]:
    points.sync(cast(Remote, stub))
    return sorted(stub.take())


def test_one_that_is_taken_out_and_put_back_is_no_news() -> None:
    points, stub = Points(), Stub()
    points.insert(SOFTWARE, 0x1000, 1)
    assert sync(points, stub) == [b"Z1,1000,1"]
    points.remove(SOFTWARE, 0x1000, 1)
    points.insert(SOFTWARE, 0x1000, 4)
    assert sync(points, stub) == []
    points.remove(SOFTWARE, 0x1000, 1)
    assert sync(points, stub) == [b"z1,1000,1"]


def test_two_kinds_at_an_address_are_one_until_both_are_gone() -> None:
    points, stub = Points(), Stub()
    points.insert(SOFTWARE, 0x1000, 1)
    points.insert(HARDWARE, 0x1000, 1)
    assert sync(points, stub) == [b"Z1,1000,1"]
    points.remove(SOFTWARE, 0x1000, 1)
    assert 0x1000 in points
    assert sync(points, stub) == []


def test_our_own_are_set_too_and_are_nobody_elses() -> None:
    points, stub = Points(), Stub()
    points.want_own([(HARDWARE, 0x700, 1)])
    points.insert(WRITE, 0x2000, 8)
    assert sync(points, stub) == [b"Z1,700,1", b"Z2,2000,8"]
    assert 0x700 not in points
    assert points.holds(0x700)
    assert points.watches == [(WRITE, 0x2000, 8)]


def test_a_new_qemu_has_none_of_them() -> None:
    points, stub = Points(), Stub()
    points.insert(WRITE, 0x2000, 8)
    sync(points, stub)
    points.forget()
    assert sync(points, stub) == [b"Z2,2000,8"]


def test_a_refusal_is_an_error_that_names_it() -> None:
    points = Points()
    points.insert(WRITE, 0x2000, 8)
    with pytest.raises(BackendError, match="does not set a write watchpoint at 0x2000: 'E22'"):
        points.sync(cast(Remote, Stub(b"E22")))


@pytest.mark.parametrize(
    ("reply", "hit"),
    [
        (b"T05thread:01;watch:f0000000;", (WRITE, 0xF0000000)),
        (b"T05thread:p01.01;awatch:10;", (BreakpointKind.ACCESS, 0x10)),
        (b"T05thread:01;", None),
        (b"T02thread:01;", None),
    ],
)
def test_what_a_stop_reply_says(reply: bytes, hit: tuple[BreakpointKind, int] | None) -> None:
    assert Points().watched(reply) == hit
