"""The proof without gdb in between: breakpoints on the guest's own trap instructions, and steps alone.

gdb never executes a trap it finds in the program where it has a breakpoint on it; other debuggers do.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from kvmgdb.app import Console, choose_guest, start_backend
from kvmgdb.config.resolved import DEFAULTS
from kvmgdb.config.values import ImageSpec
from kvmgdb.guest import Guest
from kvmgdb.outcomes import State
from kvmgdb.session import Session
from tests.support.selfdebug import ALL, assert_all_passed, proof
from tests.support.sessions import GDB_13, ask, plugins

TRAPS = {
    "x86": {"trap_int3": 1, "trap_int_3": 1, "trap_thrice": 1, "trap_thrice_1": 1, "trap_thrice_2": 1},
    "ppc": {"trap_always": 1, "trap_old": 1, "trap_if_5": 2, "trap_thrice": 1, "trap_thrice_1": 1},
}
"""The guest's trap instructions, and how often it comes to each."""


class Proof:
    """A session with the self-debugging guest."""

    def __init__(self, arch: str) -> None:
        self.guest = proof(arch)
        self.printed = bytearray()
        config = replace(DEFAULTS, arch=arch, images=(ImageSpec(self.guest.elf, None),))
        chosen, images = choose_guest(config, plugins())
        screen = Console(self.printed.extend)
        backend = start_backend(config, plugins(), chosen, images, screen)
        self.session = Session(Guest(chosen, backend), config.policy, {}, console_flush=screen.flush)
        ask(self.session, GDB_13)

    def assert_all_passed(self) -> None:
        """It has ended, and every line of it is a PASS."""
        assert self.session.state is State.ENDED
        assert_all_passed(self.printed.decode())


@pytest.fixture(params=ALL)
def arch(request: pytest.FixtureRequest) -> str:
    """Every variant."""
    name: str = request.param
    return name


@pytest.fixture
def proof_session(arch: str) -> Proof:
    """At its entry."""
    return Proof(arch)


@pytest.mark.parametrize("packet", [b"0", b"1"])
def test_breakpoints_on_its_trap_instructions(proof_session: Proof, arch: str, packet: bytes) -> None:
    expected = TRAPS[arch.partition(":")[0]]
    places = {proof_session.guest.symbol(name): name for name in expected}
    length = 1 if "x86" in arch else 4
    for address in places:
        assert ask(proof_session.session, b"Z%s,%x,%x" % (packet, address, length)) == b"OK"
    found: Counter[str] = Counter()
    while (answer := ask(proof_session.session, b"vCont;c"))[:1] == b"T":
        assert (b"swbreak" if packet == b"0" else b"hwbreak") in answer
        found[places[proof_session.session.guest.backend.pc()]] += 1
    assert found == expected
    proof_session.assert_all_passed()


@pytest.mark.slow
def test_every_instruction_is_a_step(proof_session: Proof) -> None:
    """The guest's own steps, traps and watches come through ours, from the first instruction to the last."""
    steps = 0
    while ask(proof_session.session, b"vCont;s")[:1] == b"T":
        steps += 1
        assert steps < 500_000
    assert steps > 10_000
    proof_session.assert_all_passed()


@pytest.mark.slow
def test_steps_and_runs_in_turn(proof_session: Proof, arch: str) -> None:
    """With a breakpoint on the handlers' common part, and seven steps from each stop."""
    address = proof_session.guest.symbol("handle")
    ask(proof_session.session, b"Z1,%x,%x" % (address, 1 if "x86" in arch else 4))
    while ask(proof_session.session, b"vCont;c")[:1] == b"T":
        for _ in range(7):
            assert ask(proof_session.session, b"vCont;s")[:1] == b"T"
    proof_session.assert_all_passed()
