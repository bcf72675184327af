"""The table of breakpoints: what is set where, and what is armed for it."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.breakpoints import Breakpoint, BreakpointTable

SOFTWARE, HARDWARE, WRITE, READ = (
    BreakpointKind.SOFTWARE,
    BreakpointKind.HARDWARE,
    BreakpointKind.WRITE,
    BreakpointKind.READ,
)


def point(
    kind: BreakpointKind, address: int, length: int = 1, armed_as: BreakpointKind | None = None
) -> Breakpoint:
    return Breakpoint(kind, address, length, armed_as or kind)


def table(*points: Breakpoint) -> BreakpointTable:
    made = BreakpointTable()
    for each in points:
        made.add(each)
    return made


def test_a_breakpoint_is_found_by_kind_and_address() -> None:
    here = point(SOFTWARE, 0x1000)
    points = table(here)

    assert points.get(SOFTWARE, 0x1000, 1) is here
    assert points.get(HARDWARE, 0x1000, 1) is None
    assert points.get(SOFTWARE, 0x1001, 1) is None


def test_the_length_of_a_code_breakpoint_tells_no_two_apart() -> None:
    """It says how gdb would write the trap: an x86 gdb may say 1, another client 4."""
    here = point(SOFTWARE, 0x1000, 1)

    assert table(here).get(SOFTWARE, 0x1000, 4) is here


def test_the_length_of_a_watchpoint_does() -> None:
    narrow, wide = point(WRITE, 0x1000, 1), point(WRITE, 0x1000, 4)
    points = table(narrow, wide)

    assert points.get(WRITE, 0x1000, 1) is narrow
    assert points.get(WRITE, 0x1000, 4) is wide


def test_a_watchpoint_is_found_by_any_of_its_bytes() -> None:
    wide, other = point(WRITE, 0x1000, 8), point(READ, 0x1000, 8)
    points = table(wide, other)

    assert points.watching(WRITE, 0x1007) == [wide]
    assert points.watching(READ, 0x1000) == [other]
    assert points.watching(WRITE, 0x1008) == []
    points.remove(wide)
    assert points.watching(WRITE, 0x1007) == []


def test_one_that_comes_back_counts_on() -> None:
    """gdb takes its breakpoints out at every stop, and puts them back before the guest goes on."""
    for first, again in (
        (point(SOFTWARE, 0x1000), point(SOFTWARE, 0x1000)),
        (point(WRITE, 8), point(WRITE, 8)),
    ):
        first.hits, first.passed = 3, 20
        points = table(first)
        points.take_out(first)
        assert points.taken_out() == [first]

        points.add(again)

        assert (again.hits, again.passed) == (3, 20)
        assert points.taken_out() == []


def test_one_that_stays_out_is_forgotten_when_the_guest_goes_on() -> None:
    gone = point(SOFTWARE, 0x1000)
    gone.hits = 3
    points = table(gone)
    points.take_out(gone)
    points.forget_taken_out()
    points.add(again := point(SOFTWARE, 0x1000))

    assert again.hits == 0


def test_what_is_at_an_address_are_its_code_breakpoints() -> None:
    soft, hard = point(SOFTWARE, 0x1000), point(HARDWARE, 0x1000)
    points = table(soft, hard, point(WRITE, 0x1000, 4), point(SOFTWARE, 0x1001))

    assert points.at(0x1000) == [soft, hard]
    assert points.at(0x2000) == []


def test_one_that_is_removed_leaves_the_others() -> None:
    soft, hard = point(SOFTWARE, 0x1000), point(HARDWARE, 0x1000)
    points = table(soft, hard)

    points.remove(soft)

    assert points.at(0x1000) == [hard]
    assert list(points) == [hard]


def test_two_breakpoints_share_an_arming_where_one_was_promoted() -> None:
    promoted, hard = point(SOFTWARE, 0x1000, armed_as=HARDWARE), point(HARDWARE, 0x1000)
    points = table(promoted, hard, point(SOFTWARE, 0x2000))

    assert points.sharing(promoted) == points.sharing(hard) == [promoted, hard]

    points.remove(promoted)

    assert points.sharing(promoted) == [hard]


def test_a_software_and_a_hardware_breakpoint_are_armed_apart() -> None:
    soft, hard = point(SOFTWARE, 0x1000), point(HARDWARE, 0x1000)

    assert table(soft, hard).sharing(soft) == [soft]


def test_a_watchpoint_shares_with_none() -> None:
    short, long = point(WRITE, 0x1000, 1), point(WRITE, 0x1000, 4)
    points = table(short, long)

    assert points.sharing(short) == [short]

    points.remove(short)

    assert points.sharing(short) == []


def test_one_that_is_added_again_is_there_once() -> None:
    soft = point(SOFTWARE, 0x1000)
    points = table(soft)

    points.add(soft)

    assert points.at(0x1000) == [soft]


class Model(RuleBasedStateMachine):
    """The table against a plain set of keys."""

    kinds = st.sampled_from([SOFTWARE, HARDWARE, WRITE, READ])
    addresses = st.integers(0, 3)
    lengths = st.sampled_from([1, 4])

    @initialize()
    def begin(self) -> None:
        self.points = BreakpointTable()
        self.keys: set[tuple[BreakpointKind, int, int]] = set()

    @rule(kind=kinds, address=addresses, length=lengths)
    def insert(self, kind: BreakpointKind, address: int, length: int) -> None:
        if self.points.get(kind, address, length) is None:
            self.points.add(point(kind, address, length))
        self.keys.add((kind, address, length if kind.is_watch else 0))

    @rule(kind=kinds, address=addresses, length=lengths)
    def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        known = self.points.get(kind, address, length)
        if known is not None:
            self.points.remove(known)
        self.keys.discard((kind, address, length if kind.is_watch else 0))

    @invariant()
    def they_agree(self) -> None:
        assert {(p.kind, p.address, p.length if p.kind.is_watch else 0) for p in self.points} == self.keys
        assert len(self.points) == len(self.keys)
        for address in range(4):
            kinds = {p.kind for p in self.points.at(address)}
            assert kinds == {k for k, a, _ in self.keys if a == address and not k.is_watch}


test_any_order_of_inserting_and_removing = Model.TestCase
