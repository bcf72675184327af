"""Where the program's words go."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from kvmgdb.cli.main import options_first
from tests.support.serve import KVMGDB, LIMIT, clean_environment

BAD = "version: 1\nonce: maybe\n"


def kvmgdb(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(KVMGDB), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean_environment(),
        timeout=LIMIT,
        check=False,
    )


def logged(folder: Path) -> list[tuple[str, str]]:
    """(level, text) of every line, each of which has a time and a name, too."""
    lines = (folder / "log").read_text().splitlines()
    found = [
        re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (\w+) +kvmgdb\S*: (.*)", line) for line in lines
    ]
    assert None not in found, lines
    return [(match[1], match[2]) for match in found if match]


class TestStandardError:
    def test_an_error_is_one_line(self, tmp_path: Path) -> None:
        done = kvmgdb("serve", "--arch", "nothing", folder=tmp_path)

        assert done.returncode == 2
        [line] = done.stderr.splitlines()
        assert line.startswith("flag --arch: arch: unknown architecture 'nothing'")

    def test_an_error_in_a_file_begins_with_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "bad.yaml").write_text(BAD)
        for command in (["config", "check", "bad.yaml"], ["serve", "-c", "bad.yaml"]):
            for quiet in ([], ["-q"]):
                done = kvmgdb(*quiet, *command, folder=tmp_path)
                assert done.stderr == 'bad.yaml:2:7: once: expected true or false, found "maybe"\n'

    def test_quietly_nothing_else_is_said(self, tmp_path: Path) -> None:
        done = kvmgdb("-q", "serve", "--listen", "tcp:127.0.0.1:0", "--gdb-command", "true", folder=tmp_path)

        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["serve", "-v", "--once"], ["-v", "serve", "--once"]),
            (["-q", "serve", "-vv", "--arch", "ppc"], ["-q", "-vv", "serve", "--arch", "ppc"]),
            (
                ["lab", "run", "a", "--log-file", "log", "--quiet"],
                ["--log-file", "log", "--quiet", "lab", "run", "a"],
            ),
            (["plugins", "--log-file=log", "--verbose"], ["--log-file=log", "--verbose", "plugins"]),
            (["inspect-exit", "--", "-v"], ["inspect-exit", "--", "-v"]),
            (["serve", "--gdb-command", "gdb -q"], ["serve", "--gdb-command", "gdb -q"]),
            (["serve", "--log-file"], ["--log-file"]),
        ],
    )
    def test_they_may_stand_behind_the_command(self, words: list[str], expected: list[str]) -> None:
        assert options_first(words) == expected

    def test_behind_the_command_they_do_the_same(self, tmp_path: Path) -> None:
        assert kvmgdb("plugins", "-v", folder=tmp_path).stderr == (
            kvmgdb("-v", "plugins", folder=tmp_path).stderr.replace("-v plugins", "plugins -v")
        )
        done = kvmgdb("plugins", "--log-file", folder=tmp_path)
        assert done.returncode == 2
        assert "'--log-file' requires an argument" in done.stderr

    def test_v_says_what_happens_and_vv_every_packet(self, tmp_path: Path) -> None:
        gdb = ["serve", "--gdb-command", "gdb-multiarch -nx -batch"]

        said = kvmgdb("-v", *gdb, folder=tmp_path).stderr
        assert "kvmgdb: debugger attached: unix:" in said
        assert "qSupported" not in said

        said = kvmgdb("-vv", *gdb, folder=tmp_path).stderr
        assert "kvmgdb: -> qSupported:" in said
        assert "kvmgdb: <- PacketSize=" in said


class TestAFile:
    @pytest.mark.parametrize("command", [["plugins"], ["config", "show"]])
    def test_it_takes_the_words_of_every_command(self, tmp_path: Path, command: list[str]) -> None:
        plain = kvmgdb(*command, folder=tmp_path)
        done = kvmgdb("--log-file", "log", *command, folder=tmp_path)

        assert (done.stdout, done.stderr) == (plain.stdout, plain.stderr)
        assert logged(tmp_path)[0][0] == "INFO"
        assert logged(tmp_path)[0][1].endswith(f": --log-file log {' '.join(command)}")

    def test_errors_are_in_it(self, tmp_path: Path) -> None:
        (tmp_path / "bad.yaml").write_text(BAD)
        kvmgdb("-q", "--log-file", "log", "config", "check", "bad.yaml", folder=tmp_path)
        kvmgdb("-q", "--log-file", "log", "inspect-exit", "--from", "hex", "zz", folder=tmp_path)

        errors = [text for level, text in logged(tmp_path) if level == "ERROR"]
        assert errors[0] == 'bad.yaml:2:7: once: expected true or false, found "maybe"'
        assert len(errors) == 2

    def test_a_session_is_in_it_even_where_the_terminal_is_quiet(self, tmp_path: Path) -> None:
        gdb = "gdb-multiarch -nx -batch"
        done = kvmgdb("-q", "--log-file", "log", "serve", "--gdb-command", gdb, folder=tmp_path)

        assert done.stderr == ""
        texts = [text for _, text in logged(tmp_path)]
        assert "x86:64 on the backend emulator" in texts
        assert "debugger gone: kill" in texts
        assert not any("qSupported" in text for text in texts)

    def test_with_vv_every_packet_is(self, tmp_path: Path) -> None:
        gdb = "gdb-multiarch -nx -batch"
        kvmgdb("-q", "-vv", "--log-file", "log", "serve", "--gdb-command", gdb, folder=tmp_path)

        assert ("DEBUG", "-> vMustReplyEmpty") in logged(tmp_path)

    def test_one_that_cannot_be_written_is_an_error(self, tmp_path: Path) -> None:
        done = kvmgdb("--log-file", "no/log", "plugins", folder=tmp_path)

        assert done.returncode == 2
        assert done.stderr == "kvmgdb: --log-file: no/log cannot be written: No such file or directory\n"
