"""Files without room and closed standard streams: one line, and the guest goes on where it can."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.serve import KVMGDB, LIMIT, clean_environment


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command line of the shell's, since it is about its redirections."""
    return subprocess.run(
        ["sh", "-c", f'"{KVMGDB}" {command}'],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean_environment(),
        timeout=LIMIT,
        check=False,
    )


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ("serve --trace /dev/full", "the trace file /dev/full"),
        ("--log-file /dev/full serve", "the log file /dev/full"),
    ],
)
def test_what_has_no_more_room_ends_there_and_the_guest_goes_on(
    options: str, what: str, tmp_path: Path
) -> None:
    done = shell(f"{options} --run --once --listen unix:s", tmp_path)
    assert done.stderr.count(f"kvmgdb: {what} ends here: No space left on device\n") == 1
    assert "goodbye" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("command", ["serve --listen unix:s", "config schema", "plugins"])
def test_a_standard_output_without_room(command: str, tmp_path: Path) -> None:
    done = shell(f"{command} > /dev/full", tmp_path)
    [line] = [line for line in done.stderr.splitlines() if line.startswith("kvmgdb:")]
    assert line == "kvmgdb: standard output cannot be written: No space left on device"
    assert done.returncode == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_as_a_daemon_with_closed_streams(closed: str, tmp_path: Path) -> None:
    done = shell(f"serve --run --once --listen unix:s {closed}", tmp_path)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
