"""A Unix socket instead of a port."""

from __future__ import annotations

import stat
from pathlib import Path

from tests.support.gdb import attached
from tests.support.guests import SampleGuest
from tests.support.serve import serving


def test_a_session_and_nothing_left_behind(arch: str, guest: SampleGuest, tmp_path: Path) -> None:
    path = tmp_path / "guest.sock"
    with serving("--arch", arch, listen=f"unix:{path}") as serve:
        assert serve.address == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with attached(serve.target, guest) as gdb:
            assert "deposit (a=" in gdb.run_to("deposit")
            assert "exited normally" in gdb.run("continue")
        assert serve.wait() == 0
    assert not path.exists()
