"""One line of a trace file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.trace import TraceRecord
from kvmgdb.errors import PayloadError

RECORD = TraceRecord(7, 0.25, "x86:64", "exit", 0x1000, b"\x01\x02", "little", "step", "a step gdb asked for")


@given(
    st.builds(
        TraceRecord,
        seq=st.integers(0),
        time=st.integers(0, 10**6).map(lambda micros: micros / 10**6),
        arch=st.sampled_from(["x86:16", "ppc:440"]),
        event=st.sampled_from(["exit", "stop"]),
        pc=st.none() | st.integers(0, 2**64 - 1),
        payload=st.binary(max_size=40),
        byteorder=st.sampled_from(["little", "big"]),
        verdict=st.text(),
        why=st.text(),
        extra=st.dictionaries(st.text(min_size=20), st.integers()),
    )
)
def test_every_record_survives_the_file(record: TraceRecord) -> None:
    line = record.to_json()

    assert "\n" not in line
    assert TraceRecord.from_json(json.loads(line)) == record


def test_a_line_reads_like_this() -> None:
    assert RECORD.to_json() == (
        '{"kvmgdb_trace":1,"seq":7,"time":0.25,"arch":"x86:64","event":"exit","pc":"0x1000",'
        '"payload":"0102","byteorder":"little","verdict":"step","why":"a step gdb asked for"}'
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kvmgdb_trace": 2}, "kvmgdb_trace is 2: this kvmgdb reads version 1"),
        ({"seq": "x"}, "seq has a value of the wrong type: 'x'"),
        ({"arch": None}, "arch is missing"),
        ({"pc": "zz"}, "pc is not a number: 'zz'"),
        ({"payload": "0g"}, "payload is not hex: '0g'"),
    ],
)
def test_a_wrong_record_names_its_field(change: dict[str, object], problem: str) -> None:
    with pytest.raises(PayloadError, match=problem):
        TraceRecord.from_json(json.loads(RECORD.to_json()) | change)
