"""Holding one session: a guest of its own, a script, and a look at what was expected."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from kvmgdb.debugger import GDBS, MULTIARCH
from kvmgdb.errors import KvmgdbError
from kvmgdb.lab.expectations import Found, checks
from kvmgdb.lab.processes import Served, TimeIsUpError, died_of, running, scratch, serving, wait
from kvmgdb.lab.results import Check, Outcome, SessionResult
from kvmgdb.lab.stops import NOTHING, Traced, traced
from kvmgdb.lab.task import SessionTask

TEXT_SHOWN = 200_000
"""Most characters of a transcript or a console that a result holds: the last ones."""
GUEST_END_SECONDS = 5.0
"""How long the server may take to end after its guest has."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What a session left behind."""

    problem: str
    checks: tuple[Check, ...] = ()
    trace: Traced = NOTHING
    transcript: str = ""
    console: str = ""


def hold(task: SessionTask, where: str = "") -> SessionResult:
    """Hold one session.  Whatever goes wrong is in the result: a session never takes others along."""
    start = monotonic()
    with scratch() as folder:
        try:
            held = _hold(task, folder, start + task.timeout)
        except (KvmgdbError, OSError, subprocess.SubprocessError) as problem:
            held = _Held(str(problem), console=_kept(folder / "console"))
    if held.problem:
        outcome = Outcome.ERROR
    else:
        outcome = Outcome.PASSED if all(check.passed for check in held.checks) else Outcome.FAILED
    return SessionResult(
        name=task.name,
        guest=task.guest,
        arch=held.trace.arch or task.arch,
        backend=task.backend,
        task=task.task,
        outcome=outcome,
        seconds=round(monotonic() - start, 3),
        problem=held.problem,
        checks=held.checks,
        stops=held.trace.stops,
        stops_left_out=held.trace.left_out,
        transcript=held.transcript[-TEXT_SHOWN:],
        console=held.console[-TEXT_SHOWN:],
        where=where,
    )


def _hold(task: SessionTask, folder: Path, deadline: float) -> _Held:
    work = folder / "work"
    work.mkdir()
    for place, files in ((folder, task.images), (work, task.files)):
        for name, content in files.items():
            (place / name).write_bytes(content)
    config = folder / "guest.yaml"
    config.write_text(json.dumps(task.settings), "utf-8")
    transcript, problem = folder / "transcript", ""
    found: Found = {}
    own: list[Check] = []
    with serving(config, folder) as guest:
        try:
            own += _python(task, guest, work, deadline)
            found = _gdb(task, guest, work, deadline, own)
            _let_end(task, guest)
        except TimeIsUpError as late:
            problem = f"{late} (timeout: {task.timeout:g} seconds)"
        except KvmgdbError as failed:
            problem = str(failed)
        if guest.process.poll():  # whatever else has come of that
            problem = guest.last_words()
        printed = guest.printed()
    trace, said = traced(guest.trace), _kept(transcript)
    answers = () if problem else (*own, *checks(task.expect, said, printed, trace.status, found))
    return _Held(problem, answers, trace, said, printed)


def _python(task: SessionTask, guest: Served, work: Path, deadline: float) -> list[Check]:
    """Run the Python script, if there is one: it must end with status 0."""
    if task.python is None:
        return []
    about = {"KVMGDB_ADDRESS": guest.address.removeprefix("tcp:"), "KVMGDB_TRACE": str(guest.trace)}
    return [_ended_well("the script", [sys.executable, task.python], about, work, deadline)]


def _gdb(task: SessionTask, guest: Served, work: Path, deadline: float, own: list[Check]) -> Found:
    """Run gdb, where there is something to do or to look at for it; what it has found.

    How it has ended goes to ``own``, where it has not ended well.
    """
    expect = task.expect
    commands = [*task.gdb, *([f"source {task.script}"] if task.script else [])]
    if not (commands or expect.values or expect.registers or expect.memory):
        return {}
    answer = work.with_name("found.json")
    plan: dict[str, Any] = {
        "commands": commands,
        "values": list(expect.values),
        "registers": list(expect.registers),
        "memory": {address: len(digits) // 2 for address, digits in expect.memory.items()},
        "goes_on": expect.exit is not None,
        "answer": str(answer),
    }
    work.with_name("plan.json").write_text(json.dumps(plan), "utf-8")
    settings = ["pagination off", "confirm off", "width 0", *_sources(task.sources)]
    quietly = [word for setting in settings for word in ("-ex", f"set {setting}")]
    words = [_gdb_program(), "-q", "-nx", "-batch", *quietly, *guest.words]
    words += ["-x", str(Path(__file__).with_name("in_gdb.py"))]
    about = {"KVMGDB_LAB_PLAN": str(work.with_name("plan.json"))}
    ended = _ended_well("gdb", words, about, work, deadline)
    if not ended.passed:
        own.append(ended)
    found: Found = json.loads(answer.read_text("utf-8")) if answer.exists() else {}
    return found


def _sources(folders: Sequence[str]) -> list[str]:
    """Where gdb looks for sources besides: images are copies, and no longer beside theirs."""
    there = [folder for folder in folders if Path(folder).is_dir()]  # on a worker it may not be
    return [f"directories {':'.join((*there, '$cdir', '$cwd'))}"] if there else []


def _ended_well(what: str, words: list[str], about: dict[str, str], work: Path, deadline: float) -> Check:
    """Run a program whose words are the session's transcript: it must end with status 0.

    Raises:
        KvmgdbError: a signal has ended it.
    """
    with work.with_name("transcript").open("ab") as output:
        number = output.fileno()
        with running(words, work, number, number, about) as process:
            status = wait(process, deadline, what)
    if died_of(process):
        raise KvmgdbError(f"{what} was ended by {died_of(process)}")
    return Check(f"{what}'s exit status", "0", str(status), passed=status == 0)


def _gdb_program() -> str:
    for name in GDBS:
        if shutil.which(name):
            return name
    raise KvmgdbError(
        f"no gdb is installed: install {MULTIARCH} (Debian, Ubuntu: apt-get install {MULTIARCH})"
    )


def _let_end(task: SessionTask, guest: Served) -> None:
    """A guest that was to end, or to print, may still be on its way, after a detach."""
    if task.expect.exit is not None or task.expect.console:
        try:
            wait(guest.process, monotonic() + GUEST_END_SECONDS, "the guest")
        except TimeIsUpError:
            return  # its check says so


def _kept(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.exists() else ""
