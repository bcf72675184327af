"""``kvmgdb lab run``: real guests, a real gdb, real scripts."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import LIMIT, processes_with, run_lab, start_lab, until, write_lab

GUESTS = "guests: {x86: {arch: 'x86:64'}, ppc: {arch: 'ppc:440'}, none: {guest: {image: none.elf}}}"
STOP = "gdb: [break deposit, continue]"
SESSIONS = {
    "good": f"{{guest: x86, {STOP}, expect: {{output: 'amount=50', values: {{amount: 50}}}}}}",
    "wrong": f"{{guest: x86, {STOP}, expect: {{output: 'amount=51', values: {{amount: 51}}}}}}",
    "endless": "{guest: ppc, timeout: 10, gdb: ['set var want_spin = 1', continue]}",
    "missing": "{guest: none, gdb: continue}",
    "ends": "{guest: ppc, gdb: continue, expect: {exit: 0, console: goodbye}}",
    "gdb-error": "{guest: x86, gdb: [nosuch, print 1/0], expect: {errors: 'Division by zero'}}",
    "gdb-quits": "{guest: x86, gdb: [quit 3, print 1]}",
    "gdb-crashes": "{guest: x86, gdb: ['python import os; os.kill(os.getpid(), 9)']}",
    "guest-crashes": "{guest: x86, gdb: ['shell kill -9 $(pgrep -f \"${PWD%/*}/guest.yaml\")', continue]}",
}


def results(tmp_path: Path, *names: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the results by name."""
    file = write_lab(tmp_path, [GUESTS, "sessions:", *(f"  {name}: {SESSIONS[name]}" for name in names)])
    done = run_lab("run", file, "--json", str(tmp_path / "results.json"))
    assert "Traceback" not in done.stderr
    found = json.loads((tmp_path / "results.json").read_text())
    return done.returncode, {session["name"]: session for session in found["sessions"]}


def failures(session: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What was expected and is not so."""
    return [(c["what"], c["expected"], c["found"]) for c in session["checks"] if not c["passed"]]


def test_a_session_that_finds_what_it_expects(tmp_path: Path) -> None:
    code, found = results(tmp_path, "good")

    good = found["good"]
    assert (code, good["outcome"], good["arch"]) == (0, "passed", "x86:64")
    assert "(gdb) break deposit\nBreakpoint 1 at" in good["transcript"]
    assert "kvmgdb sample guest (x86-64)" in good["console"]
    assert [stop["event"] for stop in good["stops"]][:1] == ["breakpoint"]
    assert [check["found"] for check in good["checks"]] == ["amount=50", "50"]


def test_one_that_does_not(tmp_path: Path) -> None:
    code, found = results(tmp_path, "wrong")

    assert (code, found["wrong"]["outcome"]) == (1, "failed")
    assert [(check["passed"], check["found"]) for check in found["wrong"]["checks"]][1] == (False, "50")


def test_one_guest_that_fails_hides_no_other(tmp_path: Path) -> None:
    code, found = results(tmp_path, *SESSIONS)

    assert code == 1
    assert {name: session["outcome"] for name, session in found.items()} == {
        "good": "passed",
        "wrong": "failed",
        "endless": "error",
        "missing": "error",
        "ends": "passed",
        "gdb-error": "failed",
        "gdb-quits": "failed",
        "gdb-crashes": "error",
        "guest-crashes": "error",
    }
    assert found["endless"]["problem"] == "the time is up, and gdb has not ended (timeout: 10 seconds)"
    assert "want_spin" in found["endless"]["transcript"]
    assert "none.elf: cannot be read" in found["missing"]["problem"]
    assert found["gdb-crashes"]["problem"] == "gdb was ended by SIGKILL"
    assert found["guest-crashes"]["problem"] == "the guest's process was ended by SIGKILL"
    assert failures(found["gdb-quits"]) == [("gdb's exit status", "0", "3")]
    assert failures(found["gdb-error"]) == [
        ("gdb command nosuch", "no error", 'Undefined command: "nosuch".  Try "help".')
    ]
    assert processes_with(str(tmp_path)) == []


def test_what_registers_and_values_may_be(tmp_path: Path) -> None:
    """Flags, segments, numbers of every kind, text without what is behind its end."""
    file = write_lab(
        tmp_path,
        [
            "guests: {x86: {arch: 'x86:64'}, ppc: {arch: 'ppc:440'}}",
            "sessions:",
            "  flags: {guest: x86, gdb: [], expect: {registers: {eflags: 2, cs: 0x18, rsp: 0}}}",
            "  msr: {guest: ppc, gdb: [], expect: {registers: {msr: 0, r0: 0}}}",
            "  text: {guest: x86, gdb: [], expect: {values: {account.owner: ada, 5.0/2: 2.5, 1==1: true}}}",
            "  none: {guest: x86, gdb: [], expect: {registers: {zmm99: 1, xmm0: 0}}}",
        ],
    )

    done = run_lab("run", file, "--json", str(tmp_path / "r.json"))

    assert "3 passed, 1 failed" in done.stdout, done.stdout
    assert "register zmm99: expected 0x1, found gdb knows no register zmm99 here" in done.stdout
    assert "register xmm0: expected 0x0, found no whole number, but vec128: " in done.stdout


def test_a_session_has_its_files_beside_it(tmp_path: Path) -> None:
    """And they, its script and its images may stand in any folder."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "helper.py").write_text("WORD = 'helped'\n")
    (tmp_path / "more" / "see.gdb").write_text("print 6 * 7\n")
    (tmp_path / "s.py").write_text(
        "import helper, pathlib\nprint(helper.WORD, pathlib.Path(__file__).name)\n"
    )
    file = write_lab(
        tmp_path,
        [
            "guests: {x86: {arch: 'x86:64'}}",
            "sessions:",
            "  python: {guest: x86, python: s.py, files: more/helper.py, expect: {output: 'helped s.py'}}",
            "  gdb: {guest: x86, gdb: source see.gdb, files: [more/see.gdb], expect: {output: '= 42'}}",
        ],
    )

    done = run_lab("run", file)

    assert done.returncode == 0, done.stdout


def test_a_guest_that_nobody_wants_to_end_does_not_go_on_behind_the_session(tmp_path: Path) -> None:
    """What it would print then would be there at one time, and not at another."""
    code, found = results(tmp_path, "good")

    assert code == 0
    assert "goodbye" not in found["good"]["console"]
    assert [stop["event"] for stop in found["good"]["stops"]] == ["breakpoint"]


def test_a_file_of_gdb_commands_and_a_python_script(tmp_path: Path) -> None:
    (tmp_path / "s.gdb").write_text("break deposit\ncontinue\n")
    (tmp_path / "s.py").write_text(
        "import os, socket\n"
        "host, port = os.environ['KVMGDB_ADDRESS'].split(':')\n"
        "with socket.create_connection((host, int(port))) as stub:\n"
        "    stub.sendall(b'$?#3f')\n"
        "    print(stub.recv(100))\n"
    )
    (tmp_path / "bad.py").write_text("raise SystemExit(3)")
    file = write_lab(
        tmp_path,
        [
            "guests: {x86: {arch: 'x86:64'}}",
            "sessions:",
            "  gdb: {guest: x86, script: s.gdb, expect: {values: {amount: 50}}}",
            "  python: {guest: x86, python: s.py, expect: {output: 'T05'}}",
            "  bad: {guest: x86, python: bad.py}",
        ],
    )

    done = run_lab("run", file, "-j", "2")

    assert done.returncode == 1
    assert [line.split()[:2] for line in sorted(done.stdout.splitlines()) if line[0] != " "][1:] == [
        ["lab:", "2"],
        ["passed", "gdb"],
        ["passed", "python"],
    ]
    assert "the script's exit status: expected 0, found 3" in done.stdout


def test_only_the_sessions_that_are_named(tmp_path: Path) -> None:
    file = write_lab(tmp_path, [GUESTS, "sessions:", f"  a: {SESSIONS['ends']}", f"  b: {SESSIONS['wrong']}"])

    assert run_lab("run", file, "a").returncode == 0
    unknown = run_lab("run", file, "c")
    assert (unknown.returncode, unknown.stderr) == (2, f"kvmgdb: {file}: there is no session 'c'\n")


def test_a_run_again_from_its_results(tmp_path: Path) -> None:
    results(tmp_path, "wrong")

    done = run_lab("report", str(tmp_path / "results.json"))

    assert done.returncode == 0
    assert "value of amount: expected 51, found 50" in done.stdout
    (tmp_path / "results.json").write_text("{}")
    bad = run_lab("report", str(tmp_path / "results.json"))
    assert bad.returncode == 2
    assert bad.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_lab_that_is_ended_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Not the guest, not gdb, and, but after SIGKILL, no file."""
    file = write_lab(tmp_path, [GUESTS, "sessions:", f"  endless: {SESSIONS['endless']}".replace("10", "60")])
    lab = start_lab(tmp_path / "out", "run", file)
    until("gdb runs", lambda: [p for p in processes_with("in_gdb.py") if _is_below(p, lab.pid)])
    ours = [p for p in processes_with("kvmgdb") if _is_below(p, lab.pid)]

    lab.send_signal(number)

    assert lab.wait(LIMIT) == (130 if number is signal.SIGINT else -9)
    until("all are gone", lambda: not [p for p in ours if Path(f"/proc/{p}").exists() and not _is_dead(p)])
    assert "Traceback" not in (tmp_path / "out").read_text()


def test_what_a_session_has_started_is_gone_with_a_lab_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    sleep = f"sleep 100.{os.getpid()}"
    session = f"{{guest: x86, gdb: ['shell {sleep} &', shell sleep 60]}}"
    file = write_lab(tmp_path, [GUESTS, f"sessions: {{s: {session}}}"])
    environment = {"TMPDIR": str(tmp_path / "tmp")}
    lab = start_lab(tmp_path / "out", "run", file, environment=environment)
    until("it has started something", lambda: processes_with(sleep.split()[1]))

    lab.kill()
    lab.wait()

    until("that is gone", lambda: not processes_with(sleep.split()[1]))
    until("the folder is gone", lambda: not list((tmp_path / "tmp").iterdir()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_reports_of_a_run_that_is_interrupted_tell_what_was_found_until_then(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C, and what a CI server sends when it gives a job up."""
    sessions = [f"  good: {SESSIONS['good']}", f"  endless: {SESSIONS['endless']}".replace("10", "60")]
    file = write_lab(tmp_path, [GUESTS, "sessions:", *sessions])
    report = tmp_path / "new" / "results.json"
    lab = start_lab(tmp_path / "out", "run", file, "-j", "2", "--json", str(report))
    until("one is over", lambda: "passed  good" in (tmp_path / "out").read_text())

    lab.send_signal(number)

    assert lab.wait(LIMIT) == 130
    found = {s["name"]: (s["outcome"], s["problem"]) for s in json.loads(report.read_text())["sessions"]}
    assert found == {"good": ("passed", ""), "endless": ("error", "the lab was interrupted")}


def test_a_report_that_cannot_be_written_is_told_before_the_run(tmp_path: Path) -> None:
    file = write_lab(tmp_path, [GUESTS, "sessions:", f"  good: {SESSIONS['good']}"])

    done = run_lab("run", file, "--junit", str(tmp_path))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"kvmgdb: {tmp_path}: cannot be written: Is a directory\n"


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _is_below(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if (pid := _parent(pid)) == ancestor:
            return True
    return False


def _is_dead(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
