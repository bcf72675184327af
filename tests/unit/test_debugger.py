"""What gdb is told, and how the server notices its end; a real gdb is in tests/gdb/test_serve_gdb.py."""

from __future__ import annotations

import select
import shutil
import socket
from contextlib import closing
from pathlib import Path

import pytest

from kvmgdb.config.listen import UnixAddress
from kvmgdb.config.load import load
from kvmgdb.debugger import Gdb, attach_hint, attach_words, attended, gdb_command, private_listener
from kvmgdb.errors import KvmgdbError, UsageError
from kvmgdb.loader import combine, read_image
from kvmgdb.transport import listen
from tests.support.guests import sample
from tests.support.sessions import plugins

ADDRESS = "tcp:127.0.0.1:1234"
ATTACH = ["-ex", "target remote 127.0.0.1:1234"]


def words(arch: str, image: Path, address: int | None = None) -> list[str]:
    images = combine((read_image(image, address),), None)
    return attach_words(plugins().resolve(arch), images, ADDRESS)


def beside(elf: Path) -> list[str]:
    """Where sources are looked for."""
    return ["-ex", f"directory {elf.parent}"]


class TestWhatGdbIsTold:
    @pytest.mark.parametrize("arch", ["x86:64", "x86:32", "ppc:440", "ppc:750"])
    def test_an_elf_says_nearly_all_of_it(self, arch: str, tmp_path: Path) -> None:
        elf = Path(shutil.copy(sample(arch).elf, tmp_path))
        assert words(arch, elf) == [str(elf), *beside(elf), *ATTACH]

    def test_real_mode_code_is_in_an_elf_for_the_i386(self, tmp_path: Path) -> None:
        elf = Path(shutil.copy(sample("x86:16").elf, tmp_path))
        real_mode = ["-ex", "set osabi none", "-ex", "set architecture i8086"]
        assert words("x86:16", elf) == [str(elf), *real_mode, *beside(elf), *ATTACH]

    def test_gdb_looks_here_for_sources_anyway(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        shutil.copy(sample("ppc:440").elf, tmp_path / "kernel.elf")
        monkeypatch.chdir(tmp_path)
        assert words("ppc:440", Path("kernel.elf")) == ["kernel.elf", *ATTACH]

    def test_a_raw_image_says_nothing(self, tmp_path: Path) -> None:
        raw = tmp_path / "raw.bin"
        raw.write_bytes(b"\0\0\0\0")
        assert words("x86:16", raw, 0x7C00) == ["-ex", "set architecture i8086", *ATTACH]
        big = ["-ex", "set architecture powerpc:common", "-ex", "set endian big"]
        assert words("ppc:440", raw, 0) == [*big, *ATTACH]

    def test_the_hint_can_be_copied_into_a_shell(self) -> None:
        assert attach_hint(["a b.elf", *ATTACH]) == (
            "gdb-multiarch 'a b.elf' -ex 'target remote 127.0.0.1:1234'"
        )


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with nothing installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


KNOWS = """echo 'The target architecture is set to "powerpc:common".'"""
KNOWS_NOT = """echo 'The target architecture is set to "auto" (currently "i386").'"""


class TestWhichGdb:
    def test_gdb_multiarch_is_taken_first(self, path: Path) -> None:
        program(path, "gdb", KNOWS)
        program(path, "gdb-multiarch", "exit 1")
        assert gdb_command(Gdb(), "powerpc:common") == (str(path / "gdb-multiarch"), ["-q"])

    def test_another_gdb_is_taken_if_it_knows_the_architecture(self, path: Path) -> None:
        program(path, "gdb", KNOWS)
        assert gdb_command(Gdb(), "powerpc:common") == (str(path / "gdb"), ["-q"])

    @pytest.mark.parametrize("text", [KNOWS_NOT, "exit 1"])
    def test_not_if_it_does_not(self, path: Path, text: str) -> None:
        program(path, "gdb", text)
        with pytest.raises(KvmgdbError, match="no gdb that knows powerpc:common is installed: install"):
            gdb_command(Gdb(), "powerpc:common")

    def test_one_can_be_named_with_arguments(self, path: Path) -> None:
        program(path, "mygdb", "")
        assert gdb_command(Gdb("mygdb -x 'a b'"), "i386") == (str(path / "mygdb"), ["-x", "a b"])

    @pytest.mark.parametrize("command", ["nothing -q", "'unfinished", " "])
    def test_one_that_is_not_there_is_an_error(self, path: Path, command: str) -> None:
        with pytest.raises(UsageError, match=r"^--gdb-command: .*"):
            gdb_command(Gdb(command), "i386")


class TestWhereToListen:
    def test_at_a_socket_of_ones_own(self) -> None:
        with private_listener(load()) as config:
            assert isinstance(config.listen, UnixAddress)
            folder = config.listen.path.parent
            assert folder.stat().st_mode & 0o777 == 0o700
        assert not folder.exists()

    def test_or_where_the_configuration_says(self) -> None:
        loaded = load(flags={"listen": "tcp:127.0.0.1:0"})
        with private_listener(loaded) as config:
            assert config is loaded.config

    def test_not_on_standard_input(self) -> None:
        with (
            pytest.raises(UsageError, match="flag --listen: --gdb starts gdb itself"),
            private_listener(load(flags={"listen": "stdio"})),
        ):
            pass


class TestTheEndOfGdb:
    def test_no_more_connections_come(self, tmp_path: Path) -> None:
        with attended(["true"], listen(UnixAddress(tmp_path / "gdb"))) as listener:
            assert listener.accept() is None
            assert listener.fd is not None
            assert select.select([listener.fd], [], [], 0)[0]  # a guest that runs alone is stopped, too
            assert listener.wait() == 0

    def test_its_status_is_a_shells(self, tmp_path: Path) -> None:
        with attended(["sh", "-c", "kill -9 $$"], listen(UnixAddress(tmp_path / "gdb"))) as listener:
            assert listener.wait() == 128 + 9

    def test_before_it_they_do(self, tmp_path: Path) -> None:
        address = tmp_path / "gdb"
        with (
            attended(["sleep", "60"], listen(UnixAddress(address))) as listener,
            socket.socket(socket.AF_UNIX) as client,
        ):
            client.connect(str(address))
            connection = listener.accept()
            assert connection is not None
            with closing(connection):
                client.sendall(b"+")
                assert connection.receive() == b"+"

    def test_a_gdb_that_is_left_over_is_told_to_end(self, tmp_path: Path) -> None:
        with attended(["sleep", "60"], listen(UnixAddress(tmp_path / "gdb"))) as listener:
            pass
        assert listener.wait() == 128 + 15

    def test_a_program_that_cannot_be_started_is_an_error(self, tmp_path: Path) -> None:
        program = tmp_path / "gdb"
        program.write_text("no program")
        program.chmod(0o755)
        with (
            pytest.raises(KvmgdbError, match=r"gdb: cannot be started: Exec format error$"),
            attended([str(program)], listen(UnixAddress(tmp_path / "s"))),
        ):
            pass
