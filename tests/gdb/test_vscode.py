"""docs/vscode/launch.json, driven as VS Code's C/C++ extension drives gdb: by its machine interface."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.gdb import gdb_path
from tests.support.guests import SampleGuest
from tests.support.serve import KVMGDB, LIMIT, clean_environment, serving

LAUNCH = json.loads((Path(__file__).parents[2] / "docs" / "vscode" / "launch.json").read_text())
STARTS, *ATTACHES = LAUNCH["configurations"]
ADDRESS = "127.0.0.1:1234"

Config = dict[str, Any]


class MachineInterface:
    """gdb with ``--interpreter=mi``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._said: list[str] = []

    def run(self, command: str) -> str:
        """Give a command; its result record, and what came before it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"77{command}\n")
        self._process.stdin.flush()
        return self.wait_for(r"77\^(done|running|connected|error)")

    def wait_for(self, pattern: str) -> str:
        """Everything up to a line that begins with ``pattern``."""
        assert self._process.stdout is not None
        lines = []
        for line in self._process.stdout:
            lines.append(line)
            self._said.append(line)
            if re.match(pattern, line):
                return "".join(lines)
        raise AssertionError("gdb has ended:\n" + "".join(self._said))


def filled(config: Config, guest: SampleGuest, address: str) -> Config:
    """A configuration with the guest's file, folder and address in place of the example's."""
    text = json.dumps(config).replace(ADDRESS, address).replace("/usr/bin/gdb-multiarch", gdb_path())
    text = text.replace("${workspaceFolder}/kernel.elf", str(guest.elf)).replace("kernel.elf", str(guest.elf))
    text = text.replace("${workspaceFolder}", str(guest.folder))
    return dict(json.loads(text.replace("/where/it/was/built", "/kvmgdb/guests")))


@contextmanager
def launched(config: Config) -> Iterator[MachineInterface]:
    """What the extension does up to the connection (MIEngine, ``GetInitializeCommands``)."""
    process = subprocess.Popen(
        [config["miDebuggerPath"], "-nx", "--interpreter=mi"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_environment(),
    )
    try:
        gdb = MachineInterface(process)
        setup = [command["text"] for command in config.get("setupCommands", ())]
        for command in (
            "-gdb-set mi-async on",
            '-interpreter-exec console "set pagination off"',
            *(f'-interpreter-exec console "{text}"' for text in setup),
            f"-environment-cd {config['cwd']}",
            f"-file-exec-and-symbols {config['program']}",
            '-interpreter-exec console "show architecture"',
            "-break-insert guest_main",
        ):
            assert "^done" in gdb.run(command), command
        gdb.run(f"-target-select remote {config['miDebuggerServerAddress']}")
        yield gdb
    finally:
        process.kill()
        process.communicate(timeout=LIMIT)


def debug(gdb: MachineInterface, config: Config) -> None:
    """What a user does with the mouse, as commands of the extension."""
    assert config["stopAtConnect"] is True
    assert "vCPU 0" in gdb.run("-thread-info 1")
    gdb.run("-exec-continue")
    assert 'reason="breakpoint-hit"' in gdb.wait_for(r"\*stopped")
    assert 'number="2"' in gdb.run("-break-insert -f deposit")
    gdb.run("-exec-continue")
    assert 'func="deposit"' in gdb.wait_for(r"\*stopped")
    assert 'func="guest_main"' in gdb.run("-stack-list-frames 0 1000")
    assert 'name="amount",arg="1",value="50"' in gdb.run("-stack-list-variables 1")
    assert "ada" in gdb.run("-data-evaluate-expression a->owner")
    gdb.run("-exec-next")
    assert 'reason="end-stepping-range"' in gdb.wait_for(r"\*stopped")
    assert "^done" in gdb.run("-data-list-register-values x 1")
    assert "^done" in gdb.run("-break-watch account.balance")
    gdb.run("-exec-finish")
    assert 'reason="function-finished"' in gdb.wait_for(r"\*stopped")
    assert "^done" in gdb.run("-data-disassemble -s $pc -e $pc+16 -- 0")
    assert "^done" in gdb.run("-break-delete 1 2 3")
    assert "^done" in gdb.run("-gdb-set var want_spin = 1")


@pytest.mark.parametrize("config", ATTACHES, ids=lambda config: config["name"])
def test_attaching(guest: SampleGuest, config: Config) -> None:
    with serving("--arch", guest.arch) as server:
        config = filled(config, guest, server.target)
        with launched(config) as gdb:
            debug(gdb, config)


def test_sources_are_found_where_the_setup_says(guest: SampleGuest) -> None:
    [config] = [config for config in ATTACHES if "setupCommands" in config]
    with serving("--arch", guest.arch) as server, launched(filled(config, guest, server.target)) as gdb:
        assert f'fullname="{guest.folder}/sample.c"' in gdb.run("-break-insert deposit")


def test_the_server_is_started_as_the_extension_starts_it(guest: SampleGuest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = filled(STARTS, guest, address)
    assert config["debugServerPath"] == KVMGDB.name
    server = subprocess.Popen(
        [str(KVMGDB), *shlex.split(config["debugServerArgs"])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=clean_environment(),
    )
    try:
        assert server.stdout is not None
        assert re.search(config["serverStarted"], server.stdout.readline())
        with launched(config) as gdb:
            debug(gdb, config)
            gdb.run("-target-disconnect")
        assert server.wait(LIMIT) == 0
    finally:
        server.kill()
        server.communicate(timeout=LIMIT)
