"""Wake-ups at any moment: no step and no stop is lost by one, and none is made twice."""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import StopKind
from kvmgdb.guest import Guest
from kvmgdb.policy import PRESETS
from kvmgdb.server import NO_INSTRUCTION, Conversation
from kvmgdb.session import Session
from kvmgdb.transport import SocketConnection
from tests.kvm.conftest import ENTRY, StartGuest, set_handler
from tests.support.machines import LIMIT
from tests.support.patience import PATIENCE

DIVIDE, DIVIDE_ERROR = b"\xf7\xf1", 0
"""div ecx, which is 0; the vector of #DE, which KVM does not intercept."""
FOR_EVER = b"\x90\xeb\xfe"
"""nop; then a jump to itself."""
LOOP = b"\x48\xff\xc0" + b"\xeb\xfb"
"""inc rax, and back."""


@contextmanager
def _disturbed(action: Callable[[], object]) -> Iterator[None]:
    """Meanwhile do something again and again, at moments that nobody foresees."""
    over = threading.Event()

    def disturb() -> None:
        while not over.wait(random.uniform(0, 0.0005 * PATIENCE)):  # noqa: S311
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
    steps = 2 * int(2000 / PATIENCE)
    try:
        with _disturbed(lambda: os.kill(os.getpid(), signal.SIGUSR1)):
            for index in range(steps):
                assert machine.backend.step().pc == ENTRY + (3 if index % 2 == 0 else 0)
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert machine.register("rax") == steps // 2


@pytest.mark.parametrize("within", [None, range(1)], ids=["runs", "steps"])
def test_a_wake_up_costs_no_stop_and_makes_none(start: StartGuest, within: range | None) -> None:
    """From a breakpoint to the same breakpoint, or step by step, with wake-ups at any moment."""
    machine = start("64", LOOP)
    backend = machine.backend
    backend.insert(BreakpointKind.SOFTWARE, ENTRY, 1)
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    turns = woken = 0
    with _disturbed(lambda: os.write(writable, b"!")):
        while turns < 2000 / PATIENCE:
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
    machine = start("64", DIVIDE)
    backend = machine.backend
    handler = set_handler(machine, DIVIDE_ERROR, FOR_EVER)
    backend.insert(BreakpointKind.SOFTWARE, ENTRY, 1)
    readable, writable = os.pipe()
    alarm = threading.Timer(0.2 * PATIENCE, os.write, (writable, b"!"))
    alarm.start()
    stop = backend.resume(readable, fresh=True, within=within)
    alarm.join()
    assert stop is None or stop.kind is StopKind.STEP
    assert backend.pc() in range(handler, handler + 2)
    os.close(readable)
    os.close(writable)


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """A run that nothing else would end is ended."""

    def over(_number: int, _frame: object) -> None:
        raise AssertionError(f"it has not ended in {seconds:.0f} s")

    old = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def test_ctrl_c_ends_a_step_whose_handler_never_ends(start: StartGuest, tmp_path: Path) -> None:
    """Where the host steps into the handler, it comes too late and matters to nobody."""
    machine = start("64", DIVIDE)
    set_handler(machine, DIVIDE_ERROR, FOR_EVER)
    session = Session(Guest(machine.arch, machine.backend), PRESETS["transparent"].policy, {})
    ours, debugger = socket.socketpair()
    replies = []

    def debug() -> None:
        debugger.sendall(b"$vCont;s#b8")
        time.sleep(0.2 * PATIENCE)
        debugger.sendall(b"\x03")
        replies.append(debugger.recv(4) + debugger.recv(4096))
        debugger.shutdown(socket.SHUT_RDWR)

    thread = threading.Thread(target=debug)
    with debugger, socket.socket(socket.AF_UNIX) as listener, _at_most(LIMIT):
        listener.bind(str(tmp_path / "nobody"))
        listener.listen()
        connection = SocketConnection(ours, "a test", listener)
        thread.start()
        Conversation(session, connection).hold()
        connection.close()
        thread.join()
    assert replies[0].startswith((b"+$T02", b"+$T05"))
