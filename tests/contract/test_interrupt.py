"""A guest that never stops is interrupted through the wake descriptor."""

from __future__ import annotations

import os
import threading

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import StopKind
from tests.support.machines import Machine


def _spin(machine: Machine) -> None:
    machine.set_number("want_spin", 1)
    machine.run_to(machine.guest.symbol("spin"))


def _run_for_a_moment(machine: Machine, *, fresh: bool) -> None:
    readable, writable = os.pipe()
    waker = threading.Timer(0.02, os.write, (writable, b"!"))
    waker.start()
    assert machine.backend.resume(readable, fresh=fresh) is None
    waker.join()
    os.close(readable)
    os.close(writable)


def test_a_descriptor_that_is_readable_already(fresh: Machine) -> None:
    _spin(fresh)
    readable, writable = os.pipe()
    os.write(writable, b"!")
    assert fresh.backend.resume(readable, fresh=True) is None
    os.close(writable)
    os.close(readable)
    start = fresh.guest.symbol("spin")
    assert start <= fresh.backend.pc() < start + fresh.guest.size("spin")


def test_one_that_becomes_readable_while_it_runs(fresh: Machine) -> None:
    _spin(fresh)
    _run_for_a_moment(fresh, fresh=True)
    assert fresh.number("spins") > 0


def test_one_whose_other_end_is_closed(fresh: Machine) -> None:
    """A debugger that hangs up wakes, too."""
    _spin(fresh)
    readable, writable = os.pipe()
    os.close(writable)
    assert fresh.backend.resume(readable, fresh=True) is None
    os.close(readable)


def test_the_run_goes_on_after_it(fresh: Machine) -> None:
    _spin(fresh)
    _run_for_a_moment(fresh, fresh=True)
    before = fresh.number("spins")
    _run_for_a_moment(fresh, fresh=False)
    assert fresh.number("spins") > before
    fresh.set_number("keep_spinning", 0)
    assert fresh.run().kind is StopKind.EXIT


def test_a_breakpoint_set_while_it_was_interrupted(fresh: Machine) -> None:
    _spin(fresh)
    _run_for_a_moment(fresh, fresh=True)
    fresh.backend.step()
    target = fresh.backend.pc()
    fresh.backend.step()
    fresh.backend.insert(BreakpointKind.SOFTWARE, target, 1)
    assert fresh.run().pc == target


def test_a_wake_up_at_a_breakpoint_that_is_gone_on_from(fresh: Machine) -> None:
    """Readable before the run begins, and the first thing it does is a step."""
    target = fresh.guest.symbol("deposit")
    fresh.backend.insert(BreakpointKind.SOFTWARE, target, 1)
    fresh.run()
    readable, writable = os.pipe()
    os.write(writable, b"!")
    stop = fresh.backend.resume(readable, fresh=True)
    assert stop is None or stop.pc == target
    os.close(readable)
    os.close(writable)
