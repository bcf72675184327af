"""Something to look at while a command works: a line on standard error, on a terminal only."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING

from kvmgdb.cli.log import says

if TYPE_CHECKING:
    from rich.status import Status

DELAY = 0.7
"""Seconds before it is shown: what is done by then needs none."""


class Waiting:
    """A context manager: while its block runs, and until :meth:`done`, the line says what is being done.

    The words of the log go above the line.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._status: Status | None = None
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Waiting:
        if sys.stderr.isatty() and says(logging.WARNING):
            self._timer = threading.Timer(DELAY, self._show)
            self._timer.daemon = True
            self._timer.start()
        return self

    def say(self, text: str) -> None:
        """What is being done now."""
        with self._lock:
            self._text = text
            if self._status is not None:
                self._status.update(text)

    def done(self) -> None:
        """Take the line away."""
        with self._lock:
            timer, self._timer = self._timer, None
            if self._status is not None:
                self._status.stop()
                self._status = None
        if timer is not None:
            timer.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.done()

    def _show(self) -> None:
        from rich.console import Console

        with self._lock:
            if self._timer is not None:
                self._status = Console(stderr=True).status(self._text)
                self._status.start()
