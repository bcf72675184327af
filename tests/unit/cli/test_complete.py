"""Completion, asked for by a real shell: what the user types, TAB, and what stands there then."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmgdb import builtin
from kvmgdb.cli.complete import archs, glued, settings
from kvmgdb.plugins import load_plugins
from kvmgdb.policy import PRESETS
from tests.support.serve import KVMGDB, LIMIT, clean_environment
from tests.support.terminal import CTRL_U, TAB, Terminal, on_terminal
from tests.support.tools import need

PROMPT = "<prompt>"
SHOWN = "'<pro''mpt>'"
"""The prompt in the shell's words, which are shown as well when they are typed."""
SETUP = {
    "bash": (["bash", "--norc", "--noprofile"], f"PS1={SHOWN}; bind 'set bell-style none'"),
    "zsh": (["zsh", "-f"], f"autoload -U compinit; compinit -u -D; PS1={SHOWN}"),
    "fish": (["fish", "--no-config"], f"function fish_prompt; echo -n {SHOWN}; end"),
}
PROMPT_IN = {"bash": f"PS1={SHOWN}", "zsh": f"PS1={SHOWN}", "fish": SETUP["fish"][1]}
COMPLETED = [
    ("kvmgdb inspect-e", "inspect-exit"),
    ("kvmgdb serve --allow", "--allow-remote"),
    ("kvmgdb serve --arch power", "powerpc"),
    ("kvmgdb serve --arch ppc:60", "ppc:603e"),
    ("kvmgdb serve --backend emu", "emulator"),
    ("kvmgdb serve --policy catch", "catch-all"),
    ("kvmgdb serve --set policy.watchpoints=ref", "policy.watchpoints=refuse"),
    ("kvmgdb serve --set arch=ppc:e500m", "arch=ppc:e500mc"),
    ("kvmgdb serve --monitor bre", "breakpoints"),
    ("kvmgdb inspect-exit --arch ppc:745", "ppc:7457"),
    ("kvmgdb inspect-exit --format ht", "html"),
    ("kvmgdb serve --image ker", "kernel.elf"),
    ("kvmgdb config check ker", "kernel.elf"),
]


@pytest.fixture(scope="module", params=SETUP)
def shell(request: pytest.FixtureRequest) -> str:
    """A shell that is installed."""
    name: str = request.param
    need(f"completion in {name}", name)
    return name


def script(shell: str) -> str:
    """What ``--show-completion`` prints."""
    done = subprocess.run(
        [str(KVMGDB), "--show-completion", shell],
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment() | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        timeout=LIMIT,
        check=True,
    )
    return done.stdout


@pytest.fixture
def terminal(shell: str, tmp_path: Path) -> Iterator[Terminal]:
    """The shell at its prompt, with our completion."""
    command, setup = SETUP[shell]
    (tmp_path / "completion").write_text(script(shell))
    (tmp_path / "kernel.elf").touch()
    path = f"{KVMGDB.parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "TERM": "dumb"}
    with on_terminal(["env", "-C", str(tmp_path), *command], environment) as screen:
        screen.type(f"{setup}; source {tmp_path}/completion\n")
        screen.wait_for(PROMPT)
        yield screen


def test_a_shell_completes(terminal: Terminal) -> None:
    for typed, whole in COMPLETED:
        terminal.type(typed + TAB)
        terminal.wait_for(whole)
        terminal.type(CTRL_U)


def test_it_is_installed_and_answers_the_first_tab_of_a_new_shell(shell: str, tmp_path: Path) -> None:
    path = f"{KVMGDB.parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "TERM": "dumb", "ZDOTDIR": str(tmp_path)}
    install = [
        shell,
        "-c",
        "kvmgdb --install-completion; true",
    ]  # not its last command: it looks for the shell
    subprocess.run(
        install, env=clean_environment() | environment, timeout=LIMIT, check=True, capture_output=True
    )
    with on_terminal([shell, "-i"], environment) as screen:
        screen.type(f"{PROMPT_IN[shell]}\n")
        screen.wait_for(PROMPT)
        screen.type(f"kvmgdb inspect-e{TAB}")
        screen.wait_for("inspect-exit")


def test_every_name_an_architecture_has_is_offered() -> None:
    plugins = load_plugins(builtin)
    offered = {name for name, _ in archs()}

    for name in offered:
        assert plugins.resolve(name)
    assert {"x86", "x86:16", "i8086", "ppc:440", "powerpc"} <= offered


def test_every_key_is_offered_and_the_words_it_takes() -> None:
    keys = {text for text, _ in settings("")}
    assert {"arch=", "guest.image=", "guest.memory=", "policy.preset=", "once="} <= keys
    assert not keys & {"version=", "include="}
    assert [text for text, _ in settings("policy.preset=")] == [f"policy.preset={name}" for name in PRESETS]
    assert [text for text, _ in settings("once=")] == ["once=true", "once=false"]
    assert settings("guest.mem") == [("guest.memory=", "")]
    assert settings("nothing") == []


@pytest.mark.parametrize(
    ("words", "current", "expected"),
    [
        (["k", "serve", "--arch", "x86", ":", "1"], 5, (["k", "serve", "--arch", "x86:1"], 3)),
        (["k", "--set", "arch", "=", "ppc", ":", ""], 6, (["k", "--set", "arch=ppc:"], 2)),
        (["k", "--arch", "x86", ":", "16", ""], 5, (["k", "--arch", "x86:16", ""], 3)),
        (
            ["k", "--listen", "tcp", ":", "h", ":", "1", "--run"],
            1,
            (["k", "--listen", "tcp:h:1", "--run"], 1),
        ),
    ],
)
def test_words_as_bash_cuts_them(words: list[str], current: int, expected: tuple[list[str], int]) -> None:
    assert glued(words, current) == expected
