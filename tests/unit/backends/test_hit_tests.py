"""Which hits are wanted, by what a stop says."""

from __future__ import annotations

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import Stop, StopKind
from kvmgdb.backends.base import HitTest
from kvmgdb.backends.hit_tests import HitTests

SOFTWARE, HARDWARE, WRITE = BreakpointKind.SOFTWARE, BreakpointKind.HARDWARE, BreakpointKind.WRITE
YES, NO = HitTest(lambda: True, reads_registers=False), HitTest(lambda: False, reads_registers=False)
AT_1000 = Stop(StopKind.BREAKPOINT, 0x1000)


def touched(address: int) -> Stop:
    return Stop(StopKind.WATCHPOINT, 0x1000, address=address, breakpoint=WRITE)


@pytest.fixture
def tests() -> HitTests:
    return HitTests()


def test_a_stop_that_is_no_hit_is_wanted(tests: HitTests) -> None:
    tests.set(SOFTWARE, 0x1000, 1, NO)

    assert tests.wants(Stop(StopKind.HALT, 0x1000))
    assert tests.wants(Stop(StopKind.BREAKPOINT, 0x2000))


@pytest.mark.parametrize(("test", "wanted"), [(None, True), (YES, True), (NO, False)])
def test_a_breakpoints_test_decides(tests: HitTests, test: HitTest | None, wanted: bool) -> None:
    tests.set(SOFTWARE, 0x1000, 1, test)

    assert tests.wants(AT_1000) is wanted


def test_one_of_two_at_a_place_is_enough(tests: HitTests) -> None:
    tests.set(SOFTWARE, 0x1000, 1, NO)
    tests.set(HARDWARE, 0x1000, 1, YES)
    assert tests.wants(AT_1000)

    tests.drop(HARDWARE, 0x1000, 1)
    assert not tests.wants(AT_1000)


def test_every_test_is_asked(tests: HitTests) -> None:
    asked = []

    def ask() -> bool:
        asked.append(True)
        return True

    for kind in (SOFTWARE, HARDWARE):
        tests.set(kind, 0x1000, 1, HitTest(ask, reads_registers=False))
    tests.wants(AT_1000)

    assert asked == [True, True]


def test_a_watch_is_found_by_any_of_its_bytes(tests: HitTests) -> None:
    tests.set(WRITE, 0x2000, 4, NO)

    assert not tests.wants(touched(0x2003))
    assert tests.wants(touched(0x2004))


def test_what_is_set_is_known_until_it_is_dropped(tests: HitTests) -> None:
    for key in ((SOFTWARE, 0x1000, 1), (WRITE, 0x2000, 4)):
        assert not tests.known(*key)
        tests.set(*key, None)
        assert tests.known(*key)
        tests.drop(*key)
        assert not tests.known(*key)


def test_what_is_taken_out_is_no_longer_known(tests: HitTests) -> None:
    for kind in (SOFTWARE, HARDWARE, WRITE):
        tests.set(kind, 0x1000, 1, None)
    for kind in (SOFTWARE, HARDWARE, WRITE):
        assert tests.known(kind, 0x1000, 1)
        tests.drop(kind, 0x1000, 1)
        assert not tests.known(kind, 0x1000, 1)
