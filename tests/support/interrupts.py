"""Ctrl-C for the servers that tests start."""

from __future__ import annotations

import signal


def restore() -> None:
    """A shell's background job ignores Ctrl-C, and so would every server the tests start and interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
