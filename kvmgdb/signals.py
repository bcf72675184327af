"""How a running server is told to end."""

from __future__ import annotations

import signal
import sys
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

AGAIN = 0.002
"""Seconds until an interrupt that got lost is raised again."""


class Terminable:
    """A context manager: SIGTERM and the terminal's end are a KeyboardInterrupt, as Ctrl-C is, so that
    sockets are closed and the console is flushed.

    Python raises it wherever it is.  That may be in a callback of the engine's, out of which no exception
    gets: Python passes what is lost there to ``sys.unraisablehook``, and here it is raised once more, a
    little later.
    """

    _NUMBERS = (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)

    def __enter__(self) -> None:
        handled = [number for number in self._NUMBERS if signal.getsignal(number) is not signal.SIG_IGN]
        self._old = {number: signal.signal(number, self._on_signal) for number in handled}
        self._old_hook, sys.unraisablehook = sys.unraisablehook, self._on_lost

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = self._old_hook
        for number, handler in self._old.items():
            signal.signal(number, handler)

    @staticmethod
    def _on_signal(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def _on_lost(self, lost: UnraisableHookArgs) -> None:
        if lost.exc_type is KeyboardInterrupt:
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
        else:
            self._old_hook(lost)
