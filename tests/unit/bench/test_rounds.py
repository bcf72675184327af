"""A round through the do-nothing stub, and what becomes of a server that fails or is not there."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from bench import rounds
from bench.client import ProtocolError
from bench.servers import LAUNCHERS, Launcher, Role
from bench.table import Work
from bench.works import SHORT, Figures, Scale, Session, steps

PYTHON_FLOOR = next(launcher for launcher in LAUNCHERS if launcher.name == "nothing (Python)")
SCALE = replace(SHORT, seconds=0.01)


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> list[Launcher]:
    """The servers of the test, which it may add to."""
    chosen = [PYTHON_FLOOR]
    monkeypatch.setattr(rounds, "LAUNCHERS", chosen)
    return chosen


def test_each_round_gives_one_figure(servers: list[Launcher]) -> None:
    result = rounds.measure("x86", [Work("step", steps)], SCALE)
    assert len(result.samples["step"][servers[0].name]) == SCALE.rounds
    assert not result.failures


def _fail(_session: Session, _scale: Scale) -> Figures:
    raise ProtocolError("a wrong reply")


@pytest.mark.usefixtures("servers")
def test_a_work_that_fails_is_told_and_the_server_comes_back_for_the_next_work() -> None:
    result = rounds.measure("x86", [Work("bad", _fail), Work("step", steps)], SCALE)
    assert result.failures["bad", PYTHON_FLOOR.name].startswith("a wrong reply")
    assert PYTHON_FLOOR.name in result.samples["step"]


def test_a_server_that_is_not_installed_is_left_out(servers: list[Launcher]) -> None:
    servers.append(replace(PYTHON_FLOOR, name="absent", program="no-such-program"))
    result = rounds.measure("x86", [Work("step", steps)], SCALE)
    assert result.missing == {"absent": "no-such-program is not installed"}


def test_a_server_that_ends_before_it_listens_is_left_out_with_its_words(servers: list[Launcher]) -> None:
    servers[:] = [replace(PYTHON_FLOOR, command=lambda *_: [sys.executable, "-c", "print('out of luck')"])]
    result = rounds.measure("x86", [Work("step", steps)], SCALE)
    assert "out of luck" in result.missing[PYTHON_FLOOR.name]


@pytest.mark.parametrize(("role", "fails"), [(Role.KVMGDB, True), (Role.PEER, False)])
def test_only_what_we_get_wrong_fails_the_run(servers: list[Launcher], role: Role, fails: bool) -> None:
    servers[:] = [replace(PYTHON_FLOOR, role=role)]
    assert rounds.measure("x86", [Work("bad", _fail)], SCALE).failed is fails
