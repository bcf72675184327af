"""Sessions on other machines: the workers of a Dask scheduler that somebody else runs.

A session is a value (:class:`~kvmgdb.lab.task.SessionTask`) and holding it changes nothing else, so the
scheduler may hold it again elsewhere when a worker is lost.  Each worker needs kvmgdb and gdb.  Dask has no
password either unless it is given certificates: whoever reaches a scheduler runs programs on its workers.
"""

from __future__ import annotations

import logging
import warnings
from concurrent.futures import Future
from time import monotonic

from kvmgdb.errors import KvmgdbError, UsageError
from kvmgdb.lab.results import SessionResult
from kvmgdb.lab.session import hold
from kvmgdb.lab.task import SessionTask

CONNECT_SECONDS = 5
WORKER_SECONDS = 60.0
"""How long there may be no worker at all."""
LOST_WORKERS = 10
"""How many workers may be lost under one session until it is taken for the cause."""


log = logging.getLogger(__name__)


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
        if not log.isEnabledFor(logging.DEBUG):
            logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters of it we say ourselves
        try:
            self._client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as problem:
            raise KvmgdbError(f"--workers: no scheduler answers at {address}: {problem}") from None
        self._address = address
        self._alone_since = 0.0
        self._executor = self._client.get_executor(pure=False, retries=LOST_WORKERS)

    def submit(self, task: SessionTask) -> Future[SessionResult]:
        """Begin one when a worker is free."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")  # images: a session carries all it needs
            future: Future[SessionResult] = self._executor.submit(hold_here, task)
        return future

    def problem(self) -> str:
        """The scheduler is lost, or has had no worker for :data:`WORKER_SECONDS`."""
        if self._client.status != "running":
            return f"--workers: the scheduler at {self._address} is lost"
        if self._client.scheduler_info(n_workers=-1)["workers"]:
            self._alone_since = 0.0
        elif not self._alone_since:
            self._alone_since = monotonic()
            log.warning("the scheduler at %s has no worker: waiting for one", self._address)
        elif monotonic() - self._alone_since > WORKER_SECONDS:
            return f"--workers: the scheduler at {self._address} had no worker for {WORKER_SECONDS:g} seconds"
        return ""

    def close(self) -> None:
        """Give up what has not begun, and leave."""
        self._executor.shutdown(wait=False)
        self._client.close(timeout=1)
