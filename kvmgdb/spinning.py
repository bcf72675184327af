"""Looking for what is soon to come, before going to sleep.

A debugger sends its packets one after the other, each within microseconds of the reply before.  A process
that sleeps meanwhile has to be woken, which takes several times as long as answering (``bench/README.md``).
So the wait for a packet begins with a short time of looking, but only while that pays: after a wait that was
longer than that, the next one sleeps at once.  An idle debugger costs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter

SPIN_SECONDS = 0.0002
"""How long to look.  From a reply to the next packet gdb takes 20 to 150 microseconds, as do scripts."""


class Spin:
    """One wait after another, for the same peer."""

    def __init__(self) -> None:
        self._can = len(os.sched_getaffinity(0)) > 1  # else the peer could not do anything meanwhile
        self._pays = self._can

    def wait(self, look: Callable[[], bytes | None], sleep: Callable[[], bytes]) -> bytes:
        """What ``look`` finds, or what ``sleep`` brings where that has found nothing (None) for too long."""
        start = perf_counter()
        if self._pays:
            end = start + SPIN_SECONDS
            while True:
                found = look()
                if found is not None:
                    return found
                if perf_counter() > end:
                    break
                os.sched_yield()  # where both are on one processor, the peer can go on only then
        found = sleep()
        self._pays = self._can and perf_counter() - start < 2 * SPIN_SECONDS
        return found
