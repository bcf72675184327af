"""The table, for a reader."""

from __future__ import annotations

from tests.kvmlab.machine import Command, Machine
from tests.kvmlab.results import Ending, Outcome, Results
from tests.kvmlab.table import Column, notes, table


def column(title: str, results: Results, *, gdb: bool = True, note: str = "") -> Column:
    machine = Machine(title.lower(), title, whole=False, limit=1, command=lambda _: Command(()), note=note)
    return Column(machine, results, 12, gdb)


PARTIAL = column(
    "QEMU",
    Results(
        "6.1",
        {"single step": "works", "INT3": "left to the guest"},
        [
            Ending("a.py::test_b[64]", Outcome.PASSED),
            Ending("a.py::test_b[32]", Outcome.EXPECTED, "no INT3"),
            Ending("a.py::test_b[16]", Outcome.EXPECTED, "no INT3"),
            Ending("a.py::test_c", Outcome.FAILED, "wrong"),
        ],
        1,
    ),
)
WHOLE = column(
    "Bochs",
    Results("6.2", {"INT3": "works"}, [Ending("a.py::test_b[64]", Outcome.PASSED)], 0),
    gdb=False,
    note="gdb takes too long",
)


def test_features_then_tests_a_machine_a_column() -> None:
    assert table([PARTIAL, WHOLE]).splitlines() == [
        "              QEMU               Bochs",
        "seconds       12                 12",
        "kernel        6.1                6.2",
        "single step   works              -",
        "INT3          left to the guest  works",
        "",
        "a.py::test_b  1, 2 expected      1",
        "a.py::test_c  1 FAILED           -",
    ]


def test_each_reason_once() -> None:
    assert notes([PARTIAL, WHOLE]) == "QEMU: 2 expected to fail: no INT3\nBochs: gdb takes too long\n"


def test_a_machine_that_was_lost_has_a_column_too() -> None:
    assert "kernel   -" in table([column("QEMU", Results())])
