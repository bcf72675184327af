"""A real LLDB for a test, where one is installed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.serve import LIMIT, clean_environment
from tests.support.tools import need

NAMES = ("lldb", *(f"lldb-{version}" for version in range(22, 13, -1)))


def lldb_path() -> str:
    """Where LLDB is."""
    return need("a session with LLDB", *NAMES)


def session(folder: Path, commands: Sequence[str], *arguments: str) -> dict[str, str]:
    """Run commands: command -> all that LLDB said to it, the last time where it is given twice."""
    return dict(transcript(folder, commands, *arguments))


def transcript(folder: Path, commands: Sequence[str], *arguments: str) -> list[tuple[str, str]]:
    """Run commands, one after the other whatever they say: each with all that LLDB said to it."""
    script = folder / "script.lldb"
    script.write_text("".join(f"{command}\n" for command in (*commands, "quit")))
    goes_on = "settings set interpreter.stop-command-source-on-error false"
    done = subprocess.run(
        [lldb_path(), "--no-lldbinit", "--no-use-colors", "-O", goes_on, "-s", str(script), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=clean_environment(),
        timeout=LIMIT,
        text=True,
        check=False,
    )
    parts = re.split(r"^\(lldb\) (.*)\n", done.stdout, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))
