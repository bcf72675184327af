"""``kvmgdb doctor`` on the command line."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from kvmgdb.cli.main import app

runner = CliRunner()


def test_a_table_with_a_mark_for_what_is_missing() -> None:
    done = runner.invoke(app, ["doctor", "--backend", "emulator", "--arch", "ppc:power9"])
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert "host" in lines
    [choice] = [line for line in lines if "ppc:power9 on emulator" in line]
    assert choice.startswith("  ! ")


def test_exit_code_0_without_a_choice() -> None:
    assert runner.invoke(app, ["doctor"]).exit_code == 0


def test_json() -> None:
    done = runner.invoke(app, ["doctor", "--format", "json", "--arch", "x86"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["works"] is True
