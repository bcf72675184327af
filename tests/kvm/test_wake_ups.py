"""Wake-ups at any moment: no step and no stop is lost by one, and none is made twice."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import StopKind
from kvmgdb.server import NO_INSTRUCTION
from tests.kvm.conftest import ENTRY, StartGuest, set_handler

NOP = b"\x90"
LOOP = b"\x48\xff\xc0" + b"\xeb\xfb"
"""inc rax, and back."""


@contextmanager
def _disturbed(action: Callable[[], object]) -> Iterator[None]:
    """Meanwhile do something again and again, at moments that nobody foresees."""
    over = threading.Event()

    def disturb() -> None:
        while not over.wait(random.uniform(0, 0.0005)):  # noqa: S311
            action()

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_signal_of_the_process_costs_no_step(start: StartGuest) -> None:
    machine = start("64", LOOP)
    old = signal.signal(signal.SIGUSR1, lambda *_: None)
    steps = 4000
    try:
        with _disturbed(lambda: os.kill(os.getpid(), signal.SIGUSR1)):
            for index in range(steps):
                assert machine.backend.step().pc == ENTRY + (3 if index % 2 == 0 else 0)
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert machine.register("rax") == steps // 2


@pytest.mark.parametrize("within", [None, NO_INSTRUCTION], ids=["runs", "steps"])
def test_a_wake_up_costs_no_stop_and_makes_none(start: StartGuest, within: range | None) -> None:
    """From a breakpoint to the same breakpoint, or step by step, with wake-ups at any moment."""
    machine = start("64", LOOP)
    backend = machine.backend
    backend.insert(BreakpointKind.SOFTWARE, ENTRY, 1)
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    turns = woken = 0
    with _disturbed(lambda: os.write(writable, b"!")):
        while turns < 2000:
            stop = backend.resume(readable, fresh=True, within=within)
            while stop is None:
                woken += 1
                with suppress(BlockingIOError):
                    os.read(readable, 4096)
                stop = backend.resume(readable, fresh=False, within=within)
            turns += stop.pc == ENTRY
            assert machine.register("rax") == turns + (stop.pc != ENTRY)
    assert woken
    os.close(readable)
    os.close(writable)


@pytest.mark.parametrize("within", [None, NO_INSTRUCTION], ids=["from a breakpoint", "step"])
def test_a_handler_that_never_ends_can_be_left(start: StartGuest, within: range | None) -> None:
    """Some hosts run it whole in the step that has led to it."""
    machine = start("64", b"\x0f\x0b")
    backend = machine.backend
    handler = set_handler(machine, 6, NOP + b"\xeb\xfe")
    backend.insert(BreakpointKind.SOFTWARE, ENTRY, 1)
    readable, writable = os.pipe()
    alarm = threading.Timer(0.2, os.write, (writable, b"!"))
    alarm.start()
    stop = backend.resume(readable, fresh=True, within=within)
    alarm.join()
    assert stop is None or stop.kind is StopKind.STEP
    assert backend.pc() in range(handler, handler + 2)
    os.close(readable)
    os.close(writable)
