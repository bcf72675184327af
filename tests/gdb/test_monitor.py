"""``monitor``: the server's own commands."""

from __future__ import annotations

from tests.support.gdb import Gdb


def test_help_lists_the_commands(gdb: Gdb) -> None:
    words = [line.split()[0] for line in gdb.run("monitor help").splitlines()]
    assert {"help", "info", "registers", "exits", "policy", "breakpoints", "physical", "reset"} <= set(words)


def test_info_says_what_the_guest_is(gdb: Gdb, arch: str) -> None:
    text = gdb.run("monitor info")
    assert f"architecture: {arch}" in text
    assert "backend: emulator" in text
    assert "halted" in text
    assert "ram" in text


def test_registers_by_name(gdb: Gdb, arch: str) -> None:
    name = "cr0" if "x86" in arch else "pvr"
    answer = gdb.run(f"monitor registers {name}").split()
    assert answer[0] == name
    assert int(answer[1], 16) == gdb.number(f"${name}")


def test_a_register_that_does_not_exist(gdb: Gdb) -> None:
    assert "no register flux" in gdb.run("monitor registers flux")


def test_policy(gdb: Gdb) -> None:
    text = gdb.run("monitor policy")
    assert "preset: transparent" in text
    assert "(Z0): stub" in text


def test_exits_tells_why_the_guest_stopped(gdb: Gdb) -> None:
    gdb.script("break deposit", "continue", "watch watched", "continue", "delete")
    pc = gdb.number("$pc")
    lines = gdb.run("monitor exits").splitlines()
    assert "breakpoint" in lines[0]
    assert len(gdb.run("monitor exits 1").splitlines()) == 1
    assert pc


def test_a_wrong_count_of_exits(gdb: Gdb) -> None:
    assert "'many' is not a number of lines" in gdb.run("monitor exits many")


def test_an_unknown_command(gdb: Gdb) -> None:
    assert "unknown command 'nonsense': try `monitor help`" in gdb.run("monitor nonsense")


def test_a_command_can_be_shortened(gdb: Gdb) -> None:
    assert gdb.run("monitor pol") == gdb.run("monitor policy")
