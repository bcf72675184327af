"""All sessions of a lab, side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from time import monotonic
from typing import Protocol

from kvmgdb.config.lab import Lab, SessionPlan
from kvmgdb.config.text import did_you_mean
from kvmgdb.errors import KvmgdbError, UsageError
from kvmgdb.lab.processes import interrupt
from kvmgdb.lab.results import LabResult, Outcome, SessionResult
from kvmgdb.lab.session import hold
from kvmgdb.lab.task import SessionTask, task_of
from kvmgdb.version import __version__

PERIOD = 1.0
"""Seconds between two looks at whether anything will still come."""
OnDone = Callable[[SessionResult], None]


class Pool(Protocol):
    """Where sessions are held."""

    def submit(self, task: SessionTask) -> Future[SessionResult]:
        """Begin one, now or when there is room."""
        ...

    def problem(self) -> str:
        """Why nothing will come of what has been submitted; empty as long as something may."""
        ...

    def close(self) -> None:
        """Give up what has not begun."""
        ...


class LocalPool:
    """Here: a thread for each session that is held, which waits for its processes."""

    def __init__(self, jobs: int) -> None:
        self._threads = ThreadPoolExecutor(jobs)

    def submit(self, task: SessionTask) -> Future[SessionResult]:
        """Begin one when a thread is free."""
        return self._threads.submit(hold, task)

    def problem(self) -> str:
        """None: a session here always ends, with its time at the latest."""
        return ""

    def close(self) -> None:
        """Give up what has not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def cores() -> int:
    """How many sessions are held at a time where nobody says: one for each processor that we may use."""
    return len(os.sched_getaffinity(0))


def chosen(lab: Lab, names: Sequence[str]) -> list[SessionPlan]:
    """The sessions of these names, all of them where there are none.

    Raises:
        UsageError: there is no such session, or none at all.
    """
    for name in names:
        if name not in lab.sessions:
            raise UsageError(f"{lab.file}: there is no session {name!r}{did_you_mean(name, lab.sessions)}")
    if not lab.sessions:
        raise UsageError(f"{lab.file}: this lab has no sessions to run; `kvmgdb lab up` serves its guests")
    return [plan for name, plan in lab.sessions.items() if not names or name in names]


class InterruptedRunError(KeyboardInterrupt):
    """Ctrl-C; what had been found until then, the other sessions being errors."""

    def __init__(self, result: LabResult) -> None:
        super().__init__()
        self.result = result


def run(lab: Lab, plans: Sequence[SessionPlan], pool: Pool, on_done: OnDone) -> LabResult:
    """Hold all sessions; results are in the order of the file, ``on_done`` is told as they come.

    Raises:
        InterruptedRunError: Ctrl-C; every process of the lab has been ended.
    """
    started, start = datetime.now(UTC), monotonic()
    results: dict[str, SessionResult] = {}

    def done(result: SessionResult) -> None:
        results[result.name] = result
        on_done(result)

    def found() -> LabResult:
        return LabResult(
            lab=lab.title,
            started=started.isoformat(timespec="seconds"),
            seconds=round(monotonic() - start, 3),
            kvmgdb=__version__,
            sessions=tuple(results[plan.name] for plan in plans),
        )

    try:
        _hold_all(lab, plans, pool, done)
    except KeyboardInterrupt:
        interrupt()
        for plan in plans:
            if plan.name not in results:
                done(_not_held(lab, plan, "the lab was interrupted"))
        raise InterruptedRunError(found()) from None
    finally:
        pool.close()
    return found()


def _hold_all(lab: Lab, plans: Iterable[SessionPlan], pool: Pool, done: OnDone) -> None:
    waiting: dict[Future[SessionResult], SessionPlan] = {}
    for plan in plans:
        try:
            waiting[pool.submit(task_of(lab, plan))] = plan
        except KvmgdbError as problem:
            done(_not_held(lab, plan, str(problem)))
    while waiting:
        ready, _ = wait(waiting, PERIOD, return_when=FIRST_COMPLETED)
        lost = pool.problem()
        for future in waiting.keys() & ready:
            if not (lost and future.cancelled()):
                plan = waiting.pop(future)
                done(_result(lab, plan, future))
        if lost:
            for plan in waiting.values():
                done(_not_held(lab, plan, lost))
            return


def _result(lab: Lab, plan: SessionPlan, future: Future[SessionResult]) -> SessionResult:
    if future.cancelled():
        return _not_held(lab, plan, "it was given up")
    failure = future.exception()
    return _not_held(lab, plan, f"in the lab itself: {failure!r}") if failure else future.result()


def _not_held(lab: Lab, plan: SessionPlan, problem: str) -> SessionResult:
    config = lab.guests[plan.guest].config
    return SessionResult(
        name=plan.name,
        guest=plan.guest,
        arch=config.arch or "",
        backend=config.backend,
        task=plan.task,
        outcome=Outcome.ERROR,
        seconds=0.0,
        problem=problem,
    )
