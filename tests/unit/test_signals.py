"""How a running server is told to end."""

from __future__ import annotations

import ctypes
import signal
import sys
import time
from collections.abc import Callable

import pytest

from kvmgdb.signals import Terminable

LIMIT = 20.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_is_an_interrupt(number: signal.Signals) -> None:
    old = signal.signal(number, signal.default_int_handler)  # where nohup(1) runs the tests, it is ignored
    try:
        with pytest.raises(KeyboardInterrupt), Terminable():
            signal.raise_signal(number)
    finally:
        signal.signal(number, old)


def test_what_was_ignored_stays_ignored() -> None:
    """nohup(1) starts a program that way."""
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Terminable():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, old)


def test_afterwards_all_is_as_before() -> None:
    before = signal.getsignal(signal.SIGTERM), sys.unraisablehook
    with Terminable():
        pass
    assert (signal.getsignal(signal.SIGTERM), sys.unraisablehook) == before


def call_back(body: Callable[[int, int], int]) -> None:
    """Have C call a function, out of which no exception gets."""
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(body)
    two = (ctypes.c_char * 2)()
    ctypes.CDLL(None).qsort(two, 2, 1, compare)


def test_an_interrupt_that_is_lost_in_a_callback_comes_again(capfd: pytest.CaptureFixture[str]) -> None:
    def interrupted(_left: int, _right: int) -> int:
        signal.raise_signal(signal.SIGINT)
        return 0

    def work() -> None:
        with Terminable():
            call_back(interrupted)
            time.sleep(LIMIT)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert capfd.readouterr().err == ""


def test_other_exceptions_there_are_told_as_ever() -> None:
    told: list[object] = []
    old, sys.unraisablehook = sys.unraisablehook, lambda lost: told.append(lost.exc_type)
    try:
        with Terminable():
            call_back(lambda _left, _right: 1 // 0)
    finally:
        sys.unraisablehook = old
    assert told == [ZeroDivisionError]
