"""The payload structure as a table."""

from __future__ import annotations

import pytest

from kvmgdb.arch.exits import PayloadField, PayloadForm
from kvmgdb.errors import PayloadError

FORM = PayloadForm("demo", (PayloadField("what", 0, 4), PayloadField("where", 8, 8)))


def test_gaps_between_fields_count() -> None:
    assert FORM.size == 16


def test_fields_not_named_are_zero() -> None:
    assert FORM.unpack(FORM.pack({"where": 0x10}, "big"), "big") == {"what": 0, "where": 0x10}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"who": 1}, "the demo payload has no field 'who': it has what, where"),
        ({"what": 1 << 32}, "what has 4 bytes and 0x100000000 does not fit"),
        ({"what": -1}, "what has 4 bytes"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, int], problem: str) -> None:
    with pytest.raises(PayloadError, match=problem):
        FORM.pack(values, "little")
