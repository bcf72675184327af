"""What the guest prints shows on the server's standard error."""

from __future__ import annotations

import pytest

from tests.support.gdb import Gdb
from tests.support.guests import EVERY
from tests.support.serve import Serve

NAMES = {"x86:64": "x86-64", "x86:32": "x86-32", "x86:16": "x86-16"}

TEXT = """kvmgdb sample guest ({name})
counter = 1000
ticks = 1000
watched = 42
balance = 500
deposits = 4
mix(1, 2, 3, 4) = 57
factorial(10) = 3628800
goodbye
"""


@pytest.mark.parametrize("arch", EVERY)
def test_all_of_it(gdb: Gdb, serve: Serve, arch: str) -> None:
    gdb.run("continue")
    assert TEXT.format(name=NAMES.get(arch, "ppc")) in serve.errors()


def test_half_a_line_shows_when_the_guest_stops(gdb: Gdb, serve: Serve) -> None:
    gdb.run_to("print_number")
    assert serve.errors().endswith("counter = ")
