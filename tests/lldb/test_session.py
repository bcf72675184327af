"""A real LLDB against a real ``kvmgdb serve``: what docs/debuggers.md promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import pages
from tests.support.guests import SampleGuest, sample
from tests.support.lldb import lldb_path, session, transcript
from tests.support.serve import clean_environment, serving
from tests.support.terminal import CTRL_C, on_terminal

PAGE = "docs/debuggers.md"

COMMANDS = (
    "register read pc",
    "breakpoint set --name deposit",
    "continue",
    "bt",
    "p *a",
    "p amount",
    "frame variable amount",
    "disassemble --count 3",
    "memory read --size 4 --count 2 --format x &account",
    "memory region &account",
    "p account.balance = 7",
    "p account.balance",
    "stepi",
    "next",
    "finish",
    "watchpoint set variable account.balance",
    "breakpoint delete 1",
    "continue",
    "thread info",
    "process plugin packet monitor info",
    "breakpoint set --address 0xfff00000",
    "watchpoint delete 1",
    "detach",
)

Said = dict[str, str]


@pytest.fixture(scope="module", params=["x86:64", "x86:32", "ppc:440"])
def guest(request: pytest.FixtureRequest) -> SampleGuest:
    return sample(request.param)


@pytest.fixture(scope="module")
def said(guest: SampleGuest, tmp_path_factory: pytest.TempPathFactory) -> Said:
    """One session: command -> what LLDB said."""
    lldb_path()
    with serving("--arch", guest.arch) as server:
        attach = f"gdb-remote {server.target}"
        folder = tmp_path_factory.mktemp("lldb")
        answers = session(folder, (attach, *COMMANDS), str(guest.elf))
        assert server.wait() == 0  # detached, the guest has gone on to its end
        return answers | {"console": server.errors()}


def test_registers(said: Said, guest: SampleGuest) -> None:
    assert f"{guest.symbol('_start'):08x}" in said["register read pc"]


def test_a_breakpoint_by_name(said: Said) -> None:
    assert "deposit(a=" in said["bt"]
    assert "amount=50) at sample.c:" in said["bt"]


def test_a_backtrace(said: Said) -> None:
    assert "guest_main at sample.c:" in said["bt"]


def test_variables_and_structures(said: Said) -> None:
    assert "(id = 1, balance = 100, deposits = 0" in said["p *a"]
    assert said["p amount"].rstrip().endswith("= 50")
    assert "amount = 50" in said["frame variable amount"]


def test_a_variable_is_changed(said: Said) -> None:
    assert said["p account.balance"].rstrip().endswith("= 7")


def test_memory(said: Said, guest: SampleGuest) -> None:
    read = said["memory read --size 4 --count 2 --format x &account"]
    assert f"{guest.symbol('account'):08x}: 0x00000001 0x00000064" in read


def test_where_there_is_memory(said: Said, guest: SampleGuest) -> None:
    assert f"[{guest.symbol('account'):#018x}-" in said["memory region &account"]
    assert ") rwx" in said["memory region &account"]


def test_disassembly(said: Said, guest: SampleGuest) -> None:
    first = {"x86:64": "pushq  %rbp", "x86:32": "pushl  %ebp", "ppc:440": "stwu   1, -32(1)"}
    assert first[guest.arch] in said["disassemble --count 3"]


def test_steps(said: Said) -> None:
    assert "stop reason = instruction step into" in said["stepi"]
    assert "stop reason = step over" in said["next"]


def test_finish(said: Said) -> None:
    assert "stop reason = step out" in said["finish"]
    assert "Return value: (int) $" in said["finish"]
    assert "= 57\n" in said["finish"]  # 7 + 50


def test_a_watchpoint(said: Said) -> None:
    assert "stop reason = watchpoint 1" in said["thread info"]
    assert "deposit" in said["thread info"]


def test_monitor_commands(said: Said, guest: SampleGuest) -> None:
    assert f"architecture: {guest.arch}\n" in said["process plugin packet monitor info"]


def test_why_a_breakpoint_is_refused_is_on_the_server(said: Said) -> None:
    """LLDB shows the number only."""
    assert "failed to set breakpoint site" in said["breakpoint set --address 0xfff00000"]
    assert "Z0,fff00000,1: n" in said["console"] or "Z0,fff00000,4: n" in said["console"]


def test_after_detaching_the_guest_runs_on(said: Said) -> None:
    assert "goodbye" in said["console"]


@pytest.mark.parametrize(
    ("arch", "image", "shown"),
    [
        ("ppc:440", "3860002a 48000000", "li     3, 42"),
        ("x86:16", "b82a00 f4", "movw   $0x2a, %ax"),
        ("x86:64", "48c7c02a000000 f4", "movq   $0x2a, %rax"),
    ],
)
def test_without_an_elf_it_knows_the_processor(tmp_path: Path, arch: str, image: str, shown: str) -> None:
    file = tmp_path / "code.bin"
    file.write_bytes(bytes.fromhex(image))
    lldb_path()
    with serving("--arch", arch, "--image", f"{file}@0x1000") as server:
        attach = f"gdb-remote {server.target}"
        assert shown in session(tmp_path, [attach, "process status"])["process status"]


def test_the_pages_session_says_what_the_page_says(tmp_path: Path) -> None:
    """In the folder of the sample guest, as the page says.  LLDB says more than the page."""
    lldb_path()
    [block] = [found for found in pages.blocks(PAGE, "text") if found[0].startswith("$ lldb ")]
    told = pages.commands(block[1:], "(lldb) ")[1:]
    guest = sample("x86:64")
    with serving("--arch", guest.arch) as server:
        where = {"gdb-remote 1234": f"gdb-remote {server.target}"}
        where["settings set target.source-map /kvmgdb/guests ."] = (
            f"settings set target.source-map /kvmgdb/guests {guest.folder}"
        )
        commands = [where.get(command, command) for command, _ in told]
        said = transcript(tmp_path, commands, str(guest.elf))
    *said, _quit = said[said.index((commands[0], "")) :]
    for (command, lines), (_, answer) in zip(told, said, strict=True):
        shown = pages.words(answer.splitlines())
        assert [line for line in pages.words(lines) if line not in shown] == [], command


def test_ctrl_c() -> None:
    guest = sample("x86:64")
    with (
        serving("--arch", guest.arch) as server,
        on_terminal(
            [lldb_path(), "--no-lldbinit", "--no-use-colors", str(guest.elf)], clean_environment()
        ) as lldb,
    ):
        lldb.type(f"gdb-remote {server.target}\n")
        lldb.wait_for("start64.S")
        lldb.type("p want_spin = 1\n")
        lldb.wait_for("$0 = 1")
        lldb.type("continue\n")
        lldb.wait_for("Process 1 resuming")  # before it says so, Ctrl-C is its command line's
        server.wait_for_error_text("sample guest")
        lldb.press_until(CTRL_C, "stop reason = signal SIGINT")
        lldb.wait_for("spin")
