"""Holding one session: a guest of its own, a script, and a look at what was expected."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from kvmgdb.errors import KvmgdbError
from kvmgdb.lab.expectations import Found, checks
from kvmgdb.lab.processes import Served, TimeIsUpError, running, serving, wait
from kvmgdb.lab.results import Check, Outcome, SessionResult, StopSeen
from kvmgdb.lab.task import SessionTask

GDBS = ("gdb-multiarch", "gdb")
STOPS_SHOWN = 200
"""Most stops of a session that a result holds: the first half and the last."""
TEXT_SHOWN = 200_000
"""Most characters of a transcript or a console that a result holds: the last ones."""
GUEST_END_SECONDS = 5.0
"""How long the server may take to end after its guest has."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What a session left behind."""

    problem: str
    checks: tuple[Check, ...]
    arch: str
    stops: list[StopSeen]
    transcript: str
    console: str


def hold(task: SessionTask, where: str = "") -> SessionResult:
    """Hold one session.  Whatever goes wrong is in the result: a session never takes others along."""
    start = monotonic()
    with TemporaryDirectory(prefix="kvmgdb-lab-") as name:
        try:
            held = _hold(task, Path(name), start + task.timeout)
        except (KvmgdbError, OSError, subprocess.SubprocessError) as problem:
            held = _Held(str(problem), (), task.arch, [], "", _kept(Path(name, "console")))
    if held.problem:
        outcome = Outcome.ERROR
    else:
        outcome = Outcome.PASSED if all(check.passed for check in held.checks) else Outcome.FAILED
    left_out = max(0, len(held.stops) - STOPS_SHOWN)
    half = STOPS_SHOWN // 2
    return SessionResult(
        name=task.name,
        guest=task.guest,
        arch=held.arch or task.arch,
        backend=task.backend,
        task=task.task,
        outcome=outcome,
        seconds=round(monotonic() - start, 3),
        problem=held.problem,
        checks=held.checks,
        stops=tuple(held.stops[:half] + held.stops[half + left_out :]),
        stops_left_out=left_out,
        transcript=held.transcript[-TEXT_SHOWN:],
        console=held.console[-TEXT_SHOWN:],
        where=where,
    )


def _hold(task: SessionTask, folder: Path, deadline: float) -> _Held:
    for name, content in task.files.items():
        (folder / name).write_bytes(content)
    config = folder / "guest.yaml"
    config.write_text(json.dumps(task.settings), "utf-8")
    transcript, problem = folder / "transcript", ""
    found: Found = {}
    own: tuple[Check, ...] = ()
    with serving(config, folder) as guest:
        try:
            own = _python(task, guest, folder, deadline)
            found = _gdb(task, guest, folder, deadline)
            _let_end(task, guest)
        except TimeIsUpError as late:
            problem = f"{late} (timeout: {task.timeout:g} seconds)"
        printed = guest.printed()
    stops, arch, status = _trace(guest.trace)
    said = _kept(transcript)
    answers = () if problem else (*own, *checks(task.expect, said, printed, status, found))
    return _Held(problem, answers, arch, stops, said, printed)


def _python(task: SessionTask, guest: Served, folder: Path, deadline: float) -> tuple[Check, ...]:
    """Run the Python script, if there is one: it must end with status 0."""
    if task.python is None:
        return ()
    script = folder / "session.py"
    script.write_text(task.python, "utf-8")
    about = {"KVMGDB_ADDRESS": guest.address.removeprefix("tcp:"), "KVMGDB_TRACE": str(guest.trace)}
    with (folder / "transcript").open("ab") as output:
        number = output.fileno()
        with running([sys.executable, str(script)], folder, number, number, about) as process:
            status = wait(process, deadline, "the script")
    return (Check("the script's exit status", "0", str(status), passed=status == 0),)


def _gdb(task: SessionTask, guest: Served, folder: Path, deadline: float) -> Found:
    """Run gdb, where there is something to do or to look at for it; what it has found."""
    expect = task.expect
    commands = list(task.gdb)
    if task.script is not None:
        (folder / "session.gdb").write_text(task.script, "utf-8")
        commands.append("source session.gdb")
    if not (commands or expect.values or expect.registers or expect.memory):
        return {}
    answer = folder / "found.json"
    plan: dict[str, Any] = {
        "commands": commands,
        "values": list(expect.values),
        "registers": list(expect.registers),
        "memory": {address: len(digits) // 2 for address, digits in expect.memory.items()},
        "answer": str(answer),
    }
    (folder / "plan.json").write_text(json.dumps(plan), "utf-8")
    quietly = [word for c in ("pagination off", "confirm off", "width 0") for word in ("-ex", f"set {c}")]
    words = [_gdb_program(), "-q", "-nx", "-batch", *quietly, *guest.words]
    words += ["-x", str(Path(__file__).with_name("in_gdb.py"))]
    about = {"KVMGDB_LAB_PLAN": str(folder / "plan.json")}
    with (folder / "transcript").open("ab") as output:
        number = output.fileno()
        with running(words, folder, number, number, about) as process:
            wait(process, deadline, "gdb")
    found: Found = json.loads(answer.read_text("utf-8")) if answer.exists() else {}
    return found


def _gdb_program() -> str:
    for name in GDBS:
        if shutil.which(name):
            return name
    raise KvmgdbError(f"no gdb is installed: install {GDBS[0]} (Debian, Ubuntu: apt-get install {GDBS[0]})")


def _let_end(task: SessionTask, guest: Served) -> None:
    """A guest that was to end may still be on its way, after a detach."""
    if task.expect.exit is not None:
        try:
            wait(guest.process, monotonic() + GUEST_END_SECONDS, "the guest")
        except TimeIsUpError:
            return  # its check says so


def _trace(path: Path) -> tuple[list[StopSeen], str, int | None]:
    """The stops, the architecture, and the status the guest ended with."""
    stops, arch, status = [], "", None
    for line in _kept(path).splitlines():
        try:
            record = json.loads(line)
        except ValueError:  # the last line of a server that was killed
            continue
        arch = record["arch"]
        pc = int(record.get("pc", "0"), 16)
        verdict, why = record.get("verdict", ""), record.get("why", "")
        stops.append(StopSeen(record["time"], record["event"], pc, verdict, why))
        status = record.get("status", status)
    return stops, arch, status


def _kept(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.exists() else ""
