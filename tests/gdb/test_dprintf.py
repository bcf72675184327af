"""dprintf in the agent: the stub prints, and the guest goes on without gdb being asked."""

from __future__ import annotations

from tests.support.gdb import Gdb, attached
from tests.support.guests import SampleGuest
from tests.support.serve import Serve


def test_every_hit_prints(gdb: Gdb) -> None:
    said = gdb.script(
        "set dprintf-style agent",
        'dprintf deposit,"gets %d, has %lu\\n", amount, (unsigned long)a->deposits',
        "continue",
    )
    assert "exited normally" in said
    lines = [line for line in said.splitlines() if line.startswith("gets")]
    assert lines == ["gets 50, has 0", "gets 25, has 1", "gets -75, has 2", "gets 400, has 3"]


def test_strings(gdb: Gdb) -> None:
    said = gdb.script("set dprintf-style agent", 'dprintf greet,"for <%s>\\n", name', "continue")
    assert [line for line in said.splitlines() if line.startswith("for <")] == [
        f"for <{gdb.value('(char *)machine_name').split(chr(34))[1]}>"
    ]


def test_with_a_condition(gdb: Gdb) -> None:
    said = gdb.script(
        "set dprintf-style agent",
        'dprintf deposit,"%d\\n",amount',
        "condition 1 amount < 0",
        "continue",
    )
    assert [line for line in said.splitlines() if line.lstrip("-").isdigit()] == ["-75"]


def test_it_goes_on_without_gdb(gdb: Gdb, serve: Serve, guest: SampleGuest) -> None:
    """Where gdb is told so, and then is gone without having taken it out."""
    _print_late(gdb, guest, "on")
    gdb.disappear()
    assert "counted\n" in serve.wait_for_error_text("counted\n")


def test_it_ends_with_gdb_otherwise(gdb: Gdb, serve: Serve, guest: SampleGuest) -> None:
    _print_late(gdb, guest, "off")
    gdb.disappear()
    with attached(serve.target, guest) as another:
        assert another.number("counter") > 0
        assert "no breakpoints are set" in another.run("monitor breakpoints")


def _print_late(gdb: Gdb, guest: SampleGuest, disconnected: str) -> None:
    """A dprintf in an endless loop that prints once, after some seconds."""
    gdb.script(
        "set variable count_limit = 4000000000",
        "set dprintf-style agent",
        f"set disconnected-dprintf {disconnected}",
        f'dprintf {guest.line("count")},"counted\\n"',
        "condition 1 counter == 60000",
    )
    gdb.start("continue")
    gdb.wait_for("Continuing.")
