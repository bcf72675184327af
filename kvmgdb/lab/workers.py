"""Sessions on other machines: the workers of a Dask scheduler that somebody else runs.

A session is a value (:class:`~kvmgdb.lab.task.SessionTask`) and holding it changes nothing else, so the
scheduler may hold it again elsewhere when a worker is lost.  Each worker needs kvmgdb and gdb.  Dask has no
password either unless it is given certificates: whoever reaches a scheduler runs programs on its workers.
"""

from __future__ import annotations

from concurrent.futures import Future

from kvmgdb.errors import KvmgdbError, UsageError
from kvmgdb.lab.results import SessionResult
from kvmgdb.lab.session import hold
from kvmgdb.lab.task import SessionTask

CONNECT_SECONDS = 5
LOST_WORKERS = 10
"""How many workers may be lost under one session until it is taken for the cause."""


def hold_here(task: SessionTask) -> SessionResult:
    """Hold a session on the worker that this runs on."""
    from distributed import get_worker

    return hold(task, get_worker().address)


class DaskPool:
    """The workers of one scheduler; implements :class:`kvmgdb.lab.runner.Pool`."""

    def __init__(self, address: str) -> None:
        """Connect.

        Raises:
            UsageError: Dask is not installed.
            KvmgdbError: nobody answers there.
        """
        try:
            from distributed import Client
        except ImportError:
            raise UsageError("--workers needs Dask: pip install 'kvmgdb[workers]'") from None
        try:
            self._client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as problem:
            raise KvmgdbError(f"--workers: no scheduler answers at {address}: {problem}") from None
        self._executor = self._client.get_executor(pure=False, retries=LOST_WORKERS)

    def submit(self, task: SessionTask) -> Future[SessionResult]:
        """Begin one when a worker is free."""
        future: Future[SessionResult] = self._executor.submit(hold_here, task)
        return future

    def close(self) -> None:
        """Give up what has not begun, and leave."""
        self._executor.shutdown(wait=False)
        self._client.close(timeout=1)
