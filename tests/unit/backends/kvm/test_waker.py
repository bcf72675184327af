"""Waking a thread: the signal is pending, whatever the moment, until somebody takes it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmgdb.backends.kvm.waker import LATE, WAKE_SIGNAL, Waker


@pytest.fixture
def waker() -> Iterator[Waker]:
    """One for a processor that takes its signals by ``sigtimedwait``, in place of KVM_RUN."""
    made = Waker(lambda number, blocked: None)
    yield made
    made.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def _wait(seconds: float) -> bool:
    return signal.sigtimedwait({WAKE_SIGNAL}, seconds) is not None


def _until_sent(waker: Waker) -> bool:
    """Wait for the signal, and leave it pending."""
    for _ in range(10_000):
        if _pending():
            return True
        time.sleep(0.001)
    return False


def _pending() -> bool:
    return WAKE_SIGNAL in signal.sigpending()


def test_a_descriptor_that_becomes_readable(waker: Waker, pipe: tuple[int, int]) -> None:
    waker.arm(pipe[0])
    os.write(pipe[1], b"!")
    assert _until_sent(waker)
    assert waker.woken()
    waker.disarm()


def test_one_that_is_readable_already(waker: Waker, pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"!")
    waker.arm(pipe[0])
    assert _until_sent(waker)
    assert waker.woken()
    waker.disarm()


def test_nothing_is_left_pending(waker: Waker, pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"!")
    for _ in range(100):
        waker.arm(pipe[0])
        waker.disarm()
        assert not _pending()


def test_a_file_is_always_readable(waker: Waker, tmp_path: Path) -> None:
    """Standard input may be one; there is nothing to wait for."""
    with (tmp_path / "packets").open("w+b") as file:
        waker.arm(file.fileno())
        assert waker.woken()
        waker.disarm()


def test_a_late_one_is_watched_where_it_lasts(waker: Waker, pipe: tuple[int, int]) -> None:
    """Whatever came before it: a burst of others, or a while without any."""
    os.write(pipe[1], b"!")
    for pause in (0, 3 * LATE):
        for _ in range(100):
            waker.arm(pipe[0], late=True)
            waker.disarm()
        assert not _pending()
        time.sleep(pause)
        waker.arm(pipe[0], late=True)
        assert _until_sent(waker)
        assert waker.woken()
        waker.disarm()
        assert not _pending()


def test_a_late_one_on_a_file(waker: Waker, tmp_path: Path) -> None:
    with (tmp_path / "packets").open("w+b") as file:
        waker.arm(file.fileno(), late=True)
        assert not waker.woken()
        assert _until_sent(waker)
        assert waker.woken()
        waker.disarm()


def test_a_signal_of_the_process_ends_a_late_one_too(waker: Waker, pipe: tuple[int, int]) -> None:
    old = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        waker.arm(pipe[0], late=True)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert _until_sent(waker)
        assert not waker.woken()
        waker.disarm()
    finally:
        signal.signal(signal.SIGUSR1, old)


def test_what_has_been_read_wakes_nobody(waker: Waker, pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"!")
    waker.arm(pipe[0])
    assert _until_sent(waker)
    waker.disarm()
    os.read(pipe[0], 1)
    waker.arm(pipe[0])
    assert not _wait(0.02)
    assert not waker.woken()
    waker.disarm()


def test_a_signal_of_the_process_wakes_without_a_descriptor(waker: Waker) -> None:
    """Ctrl-C: Python's own handling is left to Python, once KVM_RUN is over."""
    seen = threading.Event()
    old = signal.signal(signal.SIGUSR1, lambda *_: seen.set())
    try:
        waker.arm(None)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert _until_sent(waker)
        assert not waker.woken()
        assert not _pending()
        waker.disarm()
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert seen.is_set()


def test_the_signal_is_blocked_in_the_thread_that_runs() -> None:
    asked: list[tuple[int, set[int]]] = []
    waker = Waker(lambda number, blocked: asked.append((number, blocked)))
    waker.arm(None)
    waker.disarm()
    waker.arm(None)
    waker.disarm()
    waker.close()
    [(number, blocked)] = asked
    assert number == WAKE_SIGNAL
    assert WAKE_SIGNAL in blocked
