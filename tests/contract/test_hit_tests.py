"""Tests at a hit: asked while the guest stands there, and where they say no nothing has happened."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import StopKind
from kvmgdb.backends.base import HitTest
from tests.support.accesses import CODE, DATA, accesses, place
from tests.support.machines import Machine


def by_memory(stops: Callable[[], bool]) -> HitTest:
    return HitTest(stops, reads_registers=False)


def by_registers(stops: Callable[[], bool]) -> HitTest:
    return HitTest(stops, reads_registers=True)


@pytest.mark.parametrize("kind", [BreakpointKind.SOFTWARE, BreakpointKind.HARDWARE])
def test_a_breakpoint_stops_where_its_test_says_so(fresh: Machine, kind: BreakpointKind) -> None:
    seen = []

    def fifth() -> bool:
        seen.append(fresh.number("counter"))
        return len(seen) == 5

    fresh.run_to(fresh.guest.symbol("count_to"))
    while fresh.number("counter") == 0:
        fresh.backend.step()
    inside, first = fresh.backend.pc(), fresh.number("counter")
    fresh.backend.insert(kind, inside, 1, by_memory(fifth))

    stop = fresh.run()

    assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, inside)
    assert seen == list(range(first + 1, first + 6))


def test_registers_at_a_breakpoint_are_those_before_the_instruction(fresh: Machine) -> None:
    target = fresh.guest.symbol("deposit")
    seen = []

    def look() -> bool:
        seen.append(fresh.register(fresh.pc_register))
        return False

    fresh.backend.insert(BreakpointKind.SOFTWARE, target, 1, by_registers(look))

    assert fresh.run().kind is StopKind.EXIT

    assert seen == [target] * 4


def test_a_guest_whose_tests_say_no_does_what_it_does_without(fresh: Machine) -> None:
    for name in ("deposit", "count_to", "touch_watched", "print"):
        fresh.backend.insert(BreakpointKind.SOFTWARE, fresh.guest.symbol(name), 1, by_memory(lambda: False))
    size = fresh.guest.size("counter")
    fresh.backend.insert(
        BreakpointKind.WRITE, fresh.guest.symbol("counter"), size, by_registers(lambda: False)
    )

    assert fresh.run().kind is StopKind.EXIT

    assert fresh.number("counter") == 1000
    assert b"kvmgdb sample guest" in fresh.printed


def test_one_set_again_has_the_new_test(fresh: Machine) -> None:
    target = fresh.guest.symbol("deposit")
    fresh.backend.insert(BreakpointKind.SOFTWARE, target, 1, by_memory(lambda: False))
    fresh.backend.insert(BreakpointKind.SOFTWARE, target, 1)

    assert fresh.run().pc == target


def test_one_of_two_at_a_place_is_enough(fresh: Machine) -> None:
    target = fresh.guest.symbol("deposit")
    fresh.backend.insert(BreakpointKind.SOFTWARE, target, 1, by_memory(lambda: False))
    fresh.backend.insert(BreakpointKind.HARDWARE, target, 1, by_memory(lambda: True))
    assert fresh.run().pc == target

    fresh.backend.remove(BreakpointKind.HARDWARE, target, 1)
    assert fresh.run().kind is StopKind.EXIT


@pytest.mark.parametrize("kind_of_test", [by_memory, by_registers])
def test_a_watchpoints_test_sees_memory_as_the_access_leaves_it(
    fresh: Machine, kind_of_test: Callable[[Callable[[], bool]], HitTest]
) -> None:
    counter, size = fresh.guest.symbol("counter"), fresh.guest.size("counter")
    seen = []

    def tenth() -> bool:
        seen.append(fresh.number("counter"))
        return len(seen) == 10

    fresh.backend.insert(BreakpointKind.WRITE, counter, size, kind_of_test(tenth))

    stop = fresh.run()

    assert (stop.kind, stop.address) == (StopKind.WATCHPOINT, counter)
    assert seen == list(range(1, 11))
    before = fresh.arch.breakpoints.watch_before
    assert fresh.number("counter") == (9 if before else 10)


def test_every_store_is_seen_as_it_will_be(shared: Machine) -> None:
    """Whatever the instruction: also those that store with their bytes reversed."""
    for access in accesses(shared.guest.arch):
        if not access.write or access.size > 8:
            continue
        place(shared, access, DATA)
        shared.backend.step()
        stored = shared.read(DATA, access.size)
        seen: list[bytes] = []

        def look(size: int = access.size, seen: list[bytes] = seen) -> bool:
            seen.append(shared.read(DATA, size))
            return False

        place(shared, access, DATA)
        end = CODE + len(access.code)
        shared.backend.insert(BreakpointKind.WRITE, DATA, access.size, by_memory(look))
        shared.backend.insert(BreakpointKind.HARDWARE, end, 1)
        stop = shared.run()
        shared.backend.remove(BreakpointKind.WRITE, DATA, access.size)
        shared.backend.remove(BreakpointKind.HARDWARE, end, 1)

        assert stop.kind is StopKind.BREAKPOINT
        assert seen[-1:] == [stored], access
        assert shared.read(DATA, access.size) == stored
