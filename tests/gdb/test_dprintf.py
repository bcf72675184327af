"""dprintf in the agent: the stub prints, and the guest goes on without gdb being asked."""

from __future__ import annotations

from tests.support.gdb import Gdb


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
