"""The everyday way of scripting gdb: one file of commands, run with ``-batch``."""

from __future__ import annotations

from pathlib import Path

from tests.support.gdb import batch
from tests.support.guests import SampleGuest
from tests.support.serve import Serve

SCRIPT = """
target remote {target}
break deposit if amount == 25
commands
  silent
  printf "balance before the second deposit: %d\\n", a->balance
  continue
end
continue
"""


def test_a_script_runs_to_the_end_of_the_guest(serve: Serve, guest: SampleGuest, tmp_path: Path) -> None:
    said = batch(SCRIPT.format(target=serve.target), tmp_path, str(guest.elf))
    assert "balance before the second deposit: 150" in said
    assert "exited normally" in said
    assert serve.wait() == 0
