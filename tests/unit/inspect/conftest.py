"""The decoders of the two bundled plugins, and a way to run the command on text."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from kvmgdb.arch.exits import NOTHING_KNOWN, Armed, ExitDecoder
from kvmgdb.errors import UsageError
from kvmgdb.inspect.decoders import Decoders
from kvmgdb.inspect.judge import Judged, judge
from kvmgdb.inspect.raw import Form, RawExit
from kvmgdb.inspect.run import Format, Job, run
from kvmgdb.inspect.source import SAMPLE, Source, read
from kvmgdb_ppc.exits import exit_decoder as ppc_decoder
from kvmgdb_x86.exits import exit_decoder as x86_decoder


def _resolve(name: str) -> ExitDecoder:
    base, _, variant = name.partition(":")
    if base == "x86":
        return x86_decoder(variant or "64")
    if base == "ppc":
        return ppc_decoder(variant or "440")
    raise UsageError(f"unknown architecture {name!r}")


def make_decoders(given: str = "", byteorder: str | None = None) -> Decoders:
    order = "big" if byteorder == "big" else "little" if byteorder else None
    return Decoders((x86_decoder("64"), ppc_decoder("440")), _resolve, given, order)  # type: ignore[arg-type]


def source(data: bytes | str, name: str = "input") -> Source:
    raw = data.encode() if isinstance(data, str) else data
    return Source(name, io.BufferedReader(io.BytesIO(raw), SAMPLE), len(raw))


@dataclass
class Ran:
    """What a run of the command gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def decoders() -> Decoders:
    return make_decoders()


@pytest.fixture
def read_all() -> Callable[..., list[RawExit]]:
    """Read every exit of some input; a problem is an error."""

    def read_all(data: bytes | str, form: Form | None = None, arch: str = "") -> list[RawExit]:
        problems: list[str] = []
        found = list(read(source(data), form, make_decoders(arch), problems.append, lambda count: None))
        assert problems == []
        return found

    return read_all


@pytest.fixture
def judged(read_all: Callable[..., list[RawExit]]) -> Callable[..., Judged]:
    """Read one exit and judge it."""

    def judged(data: bytes | str, armed: Armed = NOTHING_KNOWN, arch: str = "") -> Judged:
        (raw,) = read_all(data, arch=arch)
        return judge(raw, make_decoders(arch), armed)

    return judged


@pytest.fixture
def inspect(caplog: pytest.LogCaptureFixture) -> Callable[..., Ran]:
    """Run the command on some input; what it says of it is what is logged."""

    def inspect(
        data: bytes | str,
        *,
        format: Format = Format.TEXT,  # noqa: A002
        summary: bool = False,
        arch: str = "",
        form: Form | None = None,
        armed: Armed = NOTHING_KNOWN,
    ) -> Ran:
        out = io.StringIO()
        caplog.clear()
        job = Job(
            make_decoders(arch), armed, form, format=format, summary=summary, out=out, err=io.StringIO()
        )
        code = run(job, [source(data)])
        return Ran(code, out.getvalue(), "".join(f"{message}\n" for message in caplog.messages))

    return inspect
