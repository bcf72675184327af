"""The proof: a guest with a debugger of its own, under ours.

The guest checks every exception it takes.  Whatever gdb does to it, each of its lines stays a PASS, and
whatever gdb asked for is hit as often as it is reached.

gdb keeps away from the guest's trap instructions: where it has a breakpoint on one, it takes the trap for a
"permanent breakpoint" of the program and moves the program counter past it instead of executing it.  So
breakpoints on those are in ``tests/contract/test_selfdebug.py``, which speaks to the server itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest
from tests.support.selfdebug import ALL, ONE_OF_EACH_KIND, assert_all_passed, console, proof
from tests.support.serve import Serve, serving


@pytest.fixture(params=ONE_OF_EACH_KIND)
def arch(request: pytest.FixtureRequest) -> str:
    """One of each kind unless a test names others."""
    name: str = request.param
    return name


@pytest.fixture
def guest(arch: str) -> SampleGuest:
    """The self-debugging guest."""
    return proof(arch)


@pytest.fixture
def policy() -> str:
    """Tests that want another one say so."""
    return "transparent"


@pytest.fixture
def serve(arch: str, guest: SampleGuest, policy: str) -> Iterator[Serve]:
    """``kvmgdb serve`` with it."""
    with serving("--arch", arch, "--image", str(guest.elf), "--policy", policy) as server:
        yield server


# How often the guest comes to an instruction, from its source.  An instruction at which the guest stops
# itself is come to again when its handler returns.
_X86 = {
    "handle": 66,
    "*save_and_handle": 66,
    "*back_from_handler": 66,
    "*entries+16": 51,  # #DB
    "*trap_int3_after": 1,
    "*trap_icebp": 1,
    "*trap_icebp_after": 1,
    "*bump": 3 + 1 + 3 + 1 + 1,  # DR0's fault comes before anybody is told of the instruction
    "*bump_middle": 2 * 3 + 1 + 3 + 1 + 1,  # the planted INT3, and what it stands for
    "*store_4": 6,
    "*store_4_after": 6,  # the last time after a page fault
    "*add_4_after": 3,
    "*stepped_first": 2,
    "*stepped_2": 2 * 3,  # REP
    "*stepped_5": 2,
    "*stepped_leaf": 2,
    "*stepped_last": 2,
    "*invalid": 1,
    "*divide_by_zero_div": 1,
}
_PPC = {
    "*trap_always_after": 1,
    "*system_call": 1,
    "*system_call_after": 1,
    "*illegal_after": 1,
    "*bump": 3 + 1 + 2 + 3 + 1,
    "*bump_middle": 2 * 3 + 1 + 1 + 2 * 3 + 1,
    "*bump_end": 3 + 1 + 1 + 3 + 1,
    "*store_4": 2 + 2 + 1,
    "*store_4_after": 4,
    "*store_update": 2,
    "*stepped_first": 1,
    "*stepped_loop": 3,
    "*stepped_leaf": 1,
    "*stepped_last": 1,
}
_BOOKE = {
    "handle": 46,
    "*save_and_handle": 15,
    "*save_and_handle_critical": 31,
    "*bump": _PPC["*bump"] + 1 + 1 + 1,  # while debug interrupts are off, and for the range
    "*bump_middle": _PPC["*bump_middle"] + 1 + 1 + 2,
    "*bump_end": _PPC["*bump_end"] + 1 + 1 + 1,
    "*store_4": _PPC["*store_4"] + 1,
    "*store_4_after": _PPC["*store_4_after"] + 1,
    "*load_4": 1 + 2 + 1 + 3,
    "*enable_debug": 4,
    "*enable_debug_after": 4,
}
REACHED = {
    "x86:64": _X86,
    "ppc:440": _PPC | _BOOKE,
    "ppc:750": _PPC
    | {"handle": 40, "*save_and_handle": 40, "*save_and_handle_return": 40, "*load_4": 1 + 2 + 1},
}


def set_quietly(gdb: Gdb, *commands: str) -> None:
    """Set breakpoints or watchpoints that are counted, and from which the guest goes on at once."""
    for command in commands:
        assert "point" in gdb.run(command)
    gdb.run(f"commands 1-{len(commands)}\nsilent\ncontinue\nend")


def hits(gdb: Gdb) -> list[int]:
    """How often each breakpoint was hit, as gdb has counted, by its number."""
    found: list[int] = []
    for line in gdb.run("info breakpoints").splitlines():
        if line[:1].isdigit():
            found.append(0)
        counted = re.search(r"already hit (\d+) time", line)
        if counted:
            found[-1] = int(counted[1])
    return found


@pytest.mark.parametrize("arch", ALL)
def test_alone(gdb: Gdb, serve: Serve) -> None:
    assert "exited normally" in gdb.run("continue")
    assert_all_passed(console(serve))


@pytest.mark.parametrize("command", ["break", "hbreak"])
@pytest.mark.parametrize("policy", ["transparent", "gdb-owned"])
def test_breakpoints_all_over_it(gdb: Gdb, serve: Serve, arch: str, command: str, policy: str) -> None:
    """On its handlers, and on what it has breakpoints and watches of its own on.

    Not, where gdb writes its traps into memory, on the place where the guest does the same.
    """
    expected = dict(REACHED[arch])
    if policy == "gdb-owned":
        del expected["*bump_middle"]
        if "ppc" in arch and command == "break":
            expected["*bump"] -= 1  # the guest's own breakpoint keeps it from executing gdb's trap, once
    set_quietly(gdb, *(f"{command} {place}" for place in expected))
    assert "exited normally" in gdb.run("continue")
    assert dict(zip(expected, hits(gdb), strict=True)) == expected
    assert_all_passed(console(serve))


VALUES = {
    "x86:64": [0x11223344, 0, 0x55000000, 0, 0x5566, 0, 10, 20, 30, 0, 7, 0, 2, 0, 4, 0],
    "ppc:440": [7, 0, 0x11223344, 0, 7, 0, 0x00010000, 0, 1, 0, 0x01000000, 0],
    "ppc:750": [0x11223344, 0, 7, 0, 1, 0, 0x01000000, 0],
}


def test_a_watch_on_what_it_watches(gdb: Gdb, serve: Serve, arch: str) -> None:
    gdb.run("watch -location watched[2]")
    gdb.run('commands\nsilent\nprintf "value %d\\n", watched[2]\ncontinue\nend')
    said = gdb.run("continue")
    assert "exited normally" in said
    assert [int(value) for value in re.findall(r"value (\d+)", said)] == VALUES[arch]
    assert_all_passed(console(serve))


def test_watches_on_and_around_it(gdb: Gdb, serve: Serve) -> None:
    kinds = ("awatch", "rwatch", "watch")
    set_quietly(gdb, *(f"{kind} -location watched[{index}]" for kind in kinds for index in (1, 2, 3)))
    assert "exited normally" in gdb.run("continue")
    assert all(count > 0 for count in hits(gdb)[:3])
    assert_all_passed(console(serve))


def test_breakpoints_watches_and_steps_at_once(gdb: Gdb, serve: Serve, arch: str) -> None:
    places = [place for place in REACHED[arch] if "handle" not in place and "entries" not in place]
    gdb.script(*(f"break {place}" for place in places), "watch -location watched[2]")
    for _ in range(1000):
        if "exited normally" in gdb.run("continue"):
            break
        gdb.run("stepi 3")
    assert all(hits(gdb))
    assert_all_passed(console(serve))


def test_stepping_through_a_handler(gdb: Gdb, serve: Serve, arch: str) -> None:
    """From the instruction that traps, through the guest's handler, to the one behind it."""
    name = "trap_int_3" if "x86" in arch else "illegal"
    gdb.run_to(f"*{name}")
    gdb.run("stepi")
    assert gdb.number("$pc") not in (gdb.number(f"(long)&{name}"), gdb.number(f"(long)&{name}_after"))
    gdb.run(f"set $steps = 0\nwhile $pc != (long)&{name}_after && $steps < 1000\nstepi\nset $steps++\nend")
    assert 50 < gdb.number("$steps") < 1000
    assert "exited normally" in gdb.run("continue")
    assert_all_passed(console(serve))


def test_stepping_through_what_it_steps_through(gdb: Gdb, serve: Serve) -> None:
    """Each of gdb's steps is one instruction, and the guest's own step traps come all the same."""
    gdb.run_to("*stepped_first")
    gdb.run("set $steps = 0\nset $inside = 0")
    gdb.run(
        "while $pc != (long)&stepped_last && $steps < 5000\n"
        "if $pc >= (long)&stepped && $pc < (long)&stepped_leaf + 8\nset $inside++\nend\n"
        "stepi\nset $steps++\nend"
    )
    assert 500 < gdb.number("$steps") < 5000
    assert gdb.number("$inside") > 10
    assert "exited normally" in gdb.run("continue")
    assert_all_passed(console(serve))


@pytest.mark.parametrize("place", ["*bump", "*bump_middle", "*stepped_first", "handle", "*store_4"])
def test_many_steps_from(gdb: Gdb, serve: Serve, place: str) -> None:
    gdb.run_to(place)
    gdb.run("stepi 700")
    assert "exited normally" in gdb.run("continue")
    assert_all_passed(console(serve))


def test_next_over_all_of_it(gdb: Gdb, serve: Serve) -> None:
    gdb.run_to("guest_main")
    for _ in range(40):
        if "exited" in gdb.run("next"):
            break
    gdb.run("continue")
    assert_all_passed(console(serve))


def test_finish_out_of_every_handler(gdb: Gdb, serve: Serve) -> None:
    gdb.run("break handle")
    finished = 0
    while "exited normally" not in gdb.run("continue"):
        assert "Run till exit" in gdb.run("finish")
        finished += 1
    assert finished >= 40
    assert_all_passed(console(serve))


def test_interrupted_again_and_again(gdb: Gdb, serve: Serve) -> None:
    for _ in range(20):
        if "exited" in gdb.interrupt_after("continue"):
            break
    else:
        gdb.run("continue")
    assert_all_passed(console(serve))
