"""Ending KVM_RUN the moment a descriptor becomes readable.

A thread waits for the descriptor and sends the running thread a signal.  That thread blocks the signal,
and only KVM_RUN lets it in (KVM_SET_SIGNAL_MASK): sent while the guest runs, it ends the run; sent a moment
before, it is pending and ends the run before it begins.  So no wake-up is lost, nothing is polled, no handler
runs, and a guest that spins with its interrupts off is left as promptly as any.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
from collections.abc import Callable

WAKE_SIGNAL = signal.SIGRTMIN
"""A signal that nothing else here uses; a C library keeps the numbers below it for itself."""

LATE = 0.05
"""Seconds after which the watching thread looks after a step that is still not done.  To have each step
watched from its start would make it a fifth slower, and nearly all of them take microseconds.
"""

_NOTHING = b"\0"
"""Written to the thread's pipe, it just wakes the thread; no signal has this number."""


class Waker:
    """Wakes one vCPU's thread."""

    def __init__(self, unblock: Callable[[int, set[int]], None]) -> None:
        """``unblock`` makes the vCPU take a signal although the thread, which blocks a set of them, does
        not (:meth:`kvmgdb.backends.kvm.vcpu.Vcpu.unblock`).
        """
        self._unblock = unblock
        self._lock = threading.Lock()
        self._runner: int | None = None
        self._armed = self._sent = False
        self._watched: int | None = None
        self._registered: int | None = None
        self._fired = False
        self._runs = self._seen = 0
        self._attends = False
        self._epoll = select.epoll()
        self._ours, self._python = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._epoll.register(self._ours, select.EPOLLIN)
        self._old_wakeup = self._listen_to_signals()
        self._thread = threading.Thread(target=self._watch, name="kvm-waker", daemon=True)
        self._closing = False
        self._thread.start()

    def _listen_to_signals(self) -> int | None:
        """Python notes a signal (Ctrl-C) and acts on it between two instructions of its own: where it is
        about to enter KVM_RUN, that would be after the run.  So it is made to tell us too.
        """
        try:
            return signal.set_wakeup_fd(self._python, warn_on_full_buffer=False)
        except ValueError:
            return None  # not the main thread: no signal is handled here

    def arm(self, fd: int | None, *, late: bool = False) -> None:
        """End the next KVM_RUN, and those after it, as soon as ``fd`` is readable or hung up.

        ``late`` is for what is nearly always over at once, as a step is: ``fd`` is looked at only where it
        takes longer than :data:`LATE`.
        """
        if self._runner != threading.get_ident():
            self._adopt()
        with self._lock:
            self._armed, self._fired, self._watched = True, False, fd
            self._runs += 1
            if not late:
                self._register()
            elif not self._attends:
                self._attends = True
                os.write(self._python, _NOTHING)

    def _register(self) -> None:
        if self._watched is None:
            return
        try:
            self._epoll.register(self._watched, select.EPOLLIN | select.EPOLLONESHOT)
            self._registered = self._watched
        except PermissionError:  # a file, which is always readable and nothing to wait for (epoll_ctl(2))
            self._fired = True

    def woken(self) -> bool:
        """Whether the descriptor has become readable; KVM_RUN is not entered any more then.  Where it was a
        signal of the process instead, which Python has seen to by now, it may be.
        """
        if not self._sent:
            return self._fired
        with self._lock:
            if not self._fired:
                self._swallow()
            return self._fired

    def _swallow(self) -> None:
        self._sent = False
        signal.sigtimedwait({WAKE_SIGNAL}, 0)

    def disarm(self) -> None:
        """The run is over; a signal still on its way is swallowed."""
        with self._lock:
            self._armed = self._fired = False
            fd, self._registered, self._watched = self._registered, None, None
        if fd is not None:
            with contextlib.suppress(OSError):  # it has been closed
                self._epoll.unregister(fd)
        if self._sent:
            self._swallow()

    def _adopt(self) -> None:
        """The thread that calls is the one that runs the guest."""
        blocked = {int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, {WAKE_SIGNAL})}
        self._unblock(WAKE_SIGNAL, blocked | {int(WAKE_SIGNAL)})
        self._runner = threading.get_ident()

    def _watch(self) -> None:
        while not self._closing:
            ready = self._epoll.poll(LATE if self._attends else None)
            for fd, _ in ready:
                if fd != self._ours or os.read(self._ours, 512).strip(_NOTHING):
                    self._wake(fd)
            if not ready:
                self._attend()

    def _attend(self) -> None:
        """See whether a late one is still the one that was seen last; where none comes any more, sleep."""
        with self._lock:
            is_the_same, self._seen = self._seen == self._runs, self._runs
            if not is_the_same:
                return
            self._attends = False
            if self._armed and self._registered is None:
                self._register()
                if self._fired:
                    self._send()

    def _wake(self, fd: int) -> None:
        """``fd`` is looked at anew: what was read of it may have been about an earlier run."""
        with self._lock:
            if not self._armed:
                return
            self._fired = self._fired or (fd == self._watched and _is_readable(fd))
            self._send()

    def _send(self) -> None:
        if not self._sent and self._runner is not None:  # one is enough, and signals of this kind queue
            self._sent = True
            signal.pthread_kill(self._runner, WAKE_SIGNAL)

    def close(self) -> None:
        """Stop watching."""
        self._closing = True
        os.write(self._python, _NOTHING)
        self._thread.join()
        if self._old_wakeup is not None:
            signal.set_wakeup_fd(self._old_wakeup)
        self._epoll.close()
        os.close(self._ours)
        os.close(self._python)


def _is_readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN | select.POLLHUP)
    return bool(poll.poll(0))
