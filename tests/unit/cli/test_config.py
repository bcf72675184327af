"""``kvmgdb config``: check, show, init, schema."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kvmgdb.cli.config import config_app
from kvmgdb.errors import ConfigError, UsageError

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("KVMGDB_")}
ENVIRONMENT["PYTHONPATH"] = os.pathsep.join(sys.path)  # child processes find what this one finds


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("KVMGDB_")]:
        monkeypatch.delenv(name)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(config_app, arguments)


def read_all(terminal: int) -> str:
    """Everything until the other side of the terminal is closed, which Linux tells as EIO."""
    data = b""
    with suppress(OSError), open(terminal, "rb", buffering=0) as file:
        while chunk := file.read(4096):
            data += chunk
    return data.decode()


def write(name: str, text: str) -> None:
    Path(name).write_text(text, encoding="utf-8")


def test_check_says_ok() -> None:
    write("a.yaml", "version: 1")
    write("b.yaml", "version: 1")
    result = run("check", "a.yaml", "b.yaml")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "a.yaml: ok\nb.yaml: ok\n", "")


def test_check_tells_what_has_no_effect() -> None:
    write("a.yaml", "version: 1\nbackend: {kind: qemu}\npolicy: catch-all")
    result = run("check", "a.yaml")
    assert result.exit_code == 0
    assert "a.yaml: ok, but policy catch-all: " in result.stdout


def test_check_knows_which_architectures_and_backends_there_are(caplog: pytest.LogCaptureFixture) -> None:
    write("a.yaml", "version: 1\narch: pcc:440\nbackend: {kind: kmv}")
    result = run("check", "a.yaml")
    assert result.exit_code == 2
    [message] = caplog.messages
    arch, backend = message.splitlines()
    assert arch.startswith("a.yaml:2:7: arch: unknown architecture 'pcc:440'; did you mean 'ppc'?")
    assert backend.startswith("a.yaml:3:17: backend.kind: there is no backend 'kmv'; did you mean 'kvm'?")


def test_check_goes_on_after_a_mistake_and_exits_with_2(caplog: pytest.LogCaptureFixture) -> None:
    write("a.yaml", "version: 1\nonce: maybe\nrun: maybe")
    write("b.yaml", "version: 1")
    result = run("check", "a.yaml", "b.yaml")
    assert result.exit_code == 2
    assert result.stdout == "b.yaml: ok\n"
    assert "\n".join(caplog.messages).splitlines() == [
        'a.yaml:2:7: once: expected true or false, found "maybe"',
        'a.yaml:3:6: run: expected true or false, found "maybe"',
    ]


def test_check_looks_at_the_files_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMGDB_MEMORY", "12Q")
    write("a.yaml", "version: 1")
    assert run("check", "a.yaml").exit_code == 0


def test_show_gives_plain_columns_to_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMGDB_ENTRY", "0x1000")
    write("a.yaml", "version: 1\narch: x86:16")
    lines = run("show", "a.yaml", "--set", "policy=minimal", "--set", "once=1").stdout.splitlines()
    rows = [[field.strip() for field in line.split("  ") if field] for line in lines]
    assert ["arch", "x86:16", "file a.yaml:2:7"] in rows
    assert ["guest.entry", "0x1000", "environment KVMGDB_ENTRY"] in rows
    assert ["once", "true", "flag --set once"] in rows
    assert ["policy.watchpoints", "stub", "preset minimal (flag --set policy)"] in rows
    assert ["listen", "tcp:127.0.0.1:1234", "default"] in rows


def test_show_takes_the_flags_of_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    write("a.yaml", "version: 1\narch: ppc\nguest: {memory: 8MiB}")
    monkeypatch.setenv("KVMGDB_MEMORY", "32MiB")
    arguments = ("--arch", "x86:16", "--image", "b.bin@0", "--policy", "minimal", "--once", "--set", "run=on")

    values = json.loads(run("show", "a.yaml", "--format", "json", *arguments).stdout)

    assert {key: values[key]["origin"] for key in ("arch", "guest.image", "guest.memory", "once", "run")} == {
        "arch": "flag --arch",
        "guest.image": "flag --image",
        "guest.memory": "environment KVMGDB_MEMORY",
        "once": "flag --once",
        "run": "flag --set run",
    }
    assert values["policy.watchpoints"]["origin"] == "preset minimal (flag --policy)"


def test_show_has_no_flags_of_one_guest_for_a_lab() -> None:
    write("a.yaml", "version: 1\nguests: {a: {}}")

    error = run("show", "a.yaml", "--arch", "x86").exception

    assert isinstance(error, UsageError)
    assert str(error) == "a.yaml: this is a lab, and --arch is for one guest: take --set, for all of them"


def test_show_gives_json() -> None:
    values = json.loads(run("show", "--format", "json", "--set", "guest.image=a.elf").stdout)
    assert values["guest.image"] == {"value": ["a.elf"], "origin": "flag --set guest.image"}
    assert values["guest.entry"] == {"value": None, "origin": "default"}
    assert values["once"] == {"value": False, "origin": "default"}


def test_show_leaves_an_error_to_the_main_program() -> None:
    error = run("show", "--set", "once=maybe").exception
    assert isinstance(error, ConfigError)
    assert str(error) == 'flag --set once: once: expected true or false, found "maybe"'


def test_show_gives_a_table_to_a_terminal() -> None:
    master, slave = pty.openpty()
    code = "from kvmgdb.cli.config import config_app; config_app(['show'])"
    environment = ENVIRONMENT | {"TERM": "dumb", "COLUMNS": "120"}
    with subprocess.Popen([sys.executable, "-c", code], stdout=slave, env=environment):
        os.close(slave)
        text = read_all(master)
    assert "─" in text
    assert "tcp:127.0.0.1:1234" in text


@pytest.mark.parametrize("choice", [("--arch", "pcc"), ("--backend", "kmv")])
def test_init_writes_no_file_that_cannot_be_served(choice: tuple[str, str]) -> None:
    result = run("init", *choice)
    assert isinstance(result.exception, UsageError)
    assert not Path("kvmgdb.yaml").exists()


def test_init_writes_a_file_that_passes_check() -> None:
    result = run("init", "--arch", "ppc:440", "--backend", "kvm", "-o", "lab.yaml")
    assert (result.exit_code, result.stdout) == (0, "wrote lab.yaml\n")
    assert run("check", "lab.yaml").exit_code == 0
    assert "arch: ppc:440\n" in Path("lab.yaml").read_text(encoding="utf-8")


def test_init_writes_kvmgdb_yaml_unless_told_otherwise() -> None:
    assert run("init").exit_code == 0
    assert run("check", "kvmgdb.yaml").exit_code == 0


def test_init_writes_to_standard_output() -> None:
    assert run("init", "-o", "-").stdout.startswith("# A kvmgdb configuration")
    assert list(Path().iterdir()) == []


def test_init_leaves_a_file_alone_that_exists() -> None:
    write("lab.yaml", "precious")
    error = run("init", "-o", "lab.yaml").exception
    assert isinstance(error, ConfigError)
    assert str(error) == "lab.yaml: exists already; give another name with -o"
    assert Path("lab.yaml").read_text(encoding="utf-8") == "precious"


def test_init_says_why_it_cannot_write() -> None:
    error = run("init", "-o", "no/lab.yaml").exception
    assert isinstance(error, ConfigError)
    assert str(error) == "no/lab.yaml: cannot be written: No such file or directory"


def test_init_refuses_a_name_that_cannot_be_an_architecture() -> None:
    assert isinstance(run("init", "--arch", "a: b").exception, ConfigError)
    assert list(Path().iterdir()) == []


def test_schema_is_json() -> None:
    assert json.loads(run("schema").stdout)["title"] == "kvmgdb configuration"


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    code = "import sys, kvmgdb.cli.config; print(*sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    assert {"pydantic", "yaml", "unicorn", "rich.table"}.isdisjoint(process.stdout.split())
