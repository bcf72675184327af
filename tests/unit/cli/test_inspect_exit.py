"""``kvmgdb inspect-exit`` with the plugins that are installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from kvmgdb.cli.inspect_exit import inspect_exit
from kvmgdb.cli.log import configure
from kvmgdb.errors import ImageError, PayloadError, UsageError

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(inspect_exit)
WATCH = ["exception=1", "pc=0x401000", "dr6=0xffff0ff2"]


def invoke(*arguments: str, stdin: str | bytes = "") -> tuple[int, str, str]:
    configure()
    result = CliRunner().invoke(app, arguments, input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_exits_may_be_arguments() -> None:
    code, out, _ = invoke(*WATCH, "--dr7", "0x00d0040a")

    assert code == 0
    assert "a 4-byte write watchpoint, DR1, hit by the instruction before 0x401000 [ours]" in out


def test_standard_input_is_read_without_arguments() -> None:
    code, out, _ = invoke("--summary", stdin="exception=1 pc=1 dr6=0xffff4ff0\n")

    assert (code, out.splitlines()[0]) == (0, "1 exit")


def test_the_architecture_names_the_variant() -> None:
    _, out, _ = invoke("--arch", "ppc:750", "--format", "json", "address=0x1000", "status=0")

    assert json.loads(out)["arch"] == "ppc:750"


def test_the_byte_order_may_be_given() -> None:
    _, out, _ = invoke(
        "--byteorder", "little", "--format", "json", "--arch", "ppc", "0010000000000000" + "02" + "00" * 7
    )

    assert json.loads(out)["fields"]["address"] == "0x1000"


def test_what_was_armed_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "armed.json"
    file.write_text('{"software": [4096], "stepping": false}')

    _, out, _ = invoke("--arch", "ppc:440", "--armed", str(file), "address=0x1000", "status=0")

    assert "a software breakpoint of ours at 0x1000 [ours]" in out


def test_unusable_input_is_exit_code_two() -> None:
    code, out, err = invoke(stdin="garbage")

    assert (code, out) == (2, "")
    assert err == "kvmgdb: standard input: offset 0: no known form of an exit begins with 'garbage'\n"


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (["nosuch.bin"], UsageError, "nosuch.bin: no such file"),
        (["--arch", "vax", *WATCH], PayloadError, "unknown architecture 'vax'"),
        (["--dr7", "zz", *WATCH], UsageError, "--dr7 is not a number: 'zz'"),
        (["--image", "nosuch.elf", *WATCH], ImageError, "nosuch.elf: cannot be read"),
    ],
)
def test_a_wrong_argument_is_an_error_of_one_line(
    arguments: list[str], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as raised:
        invoke(*arguments)

    assert text in str(raised.value)
    assert "\n" not in str(raised.value)
