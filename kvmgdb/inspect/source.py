"""Where input comes from, and reading it exit by exit.

Lines (JSON lines, traces, ``key=value``, hex) are read as a stream, so that a file of any size passes in
constant memory; the other forms are read whole, up to a limit.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kvmgdb.errors import PayloadError, UsageError
from kvmgdb.inspect import binary, text_forms
from kvmgdb.inspect.decoders import Decoders
from kvmgdb.inspect.raw import Form, RawExit

SAMPLE = 64 * 1024
"""How much is looked at to tell the form."""
WHOLE_LIMIT = 64 * 1024 * 1024
"""The most that is read whole: struct kvm_run has a few pages, and gdb prints no megabytes."""
LINE_LIMIT = 1024 * 1024
"""The longest line; an exit takes a few hundred bytes."""

_PAIR = re.compile(r"[A-Za-z_][\w.]*=\S+")
_LINES = {Form.JSONL, Form.TRACE, Form.KEY_VALUE}


@dataclass(frozen=True)
class Source:
    """One input."""

    name: str
    stream: io.BufferedReader
    size: int | None = None
    """Bytes, where it is known."""
    inline: bool = False
    """Whether it is an argument and not a file: then lines have no numbers."""


Report = Callable[[str], None]
"""Takes one line about input that cannot be used."""
Tick = Callable[[int], None]
"""Told how many bytes were read."""


def open_sources(arguments: Iterable[str]) -> Iterator[Source]:
    """Open files, ``-`` for standard input, and arguments that are exits themselves.

    Arguments of the form ``key=value`` that follow each other are one exit.

    Raises:
        UsageError: a file that cannot be opened.
    """
    words = list(arguments) or ["-"]
    at = 0
    while at < len(words):
        pairs = []
        while at < len(words) and _PAIR.fullmatch(words[at]) and not Path(words[at]).exists():
            pairs.append(words[at])
            at += 1
        if pairs:
            yield _inline(" ".join(pairs), f"argument {at - len(pairs) + 1}")
            continue
        yield _open(words[at], f"argument {at + 1}")
        at += 1


def _open(word: str, place: str) -> Source:
    if word == "-":
        return Source("standard input", _buffered(sys.stdin.buffer))
    path = Path(word)
    try:
        is_file = path.exists()
    except (OSError, ValueError):
        is_file = False
    if not is_file:
        if re.fullmatch(r"[\w./-]*[./][\w./-]*", word) or not re.search(r"[0-9{=]", word):
            raise UsageError(f"{word}: no such file")
        return _inline(word, place)
    try:
        return Source(word, io.BufferedReader(io.FileIO(path), SAMPLE), path.stat().st_size)
    except OSError as error:
        raise UsageError(f"{word}: cannot be read: {error.strerror}") from None


def _buffered(stream: BinaryIO) -> io.BufferedReader:
    """Give the stream a buffer large enough to look ahead."""
    raw = stream.raw if isinstance(stream, io.BufferedReader) else io.BytesIO(stream.read())
    return io.BufferedReader(raw, SAMPLE)


def _inline(text: str, place: str) -> Source:
    data = text.encode()
    return Source(place, io.BufferedReader(io.BytesIO(data), SAMPLE), len(data), inline=True)


def read(
    source: Source, form: Form | None, decoders: Decoders, report: Report, tick: Tick
) -> Iterator[RawExit]:
    """Read the exits of a source.  What cannot be read is reported, a line at a time, and passed over."""
    try:
        sample = source.stream.peek(SAMPLE)
    except OSError as error:
        report(f"{source.name}: cannot be read: {error.strerror}")
        return
    try:
        chosen = form or _detect(sample, decoders)
        if chosen in _LINES:
            yield from _read_lines(source, chosen, report, tick)
        else:
            yield from _read_whole(source, chosen, decoders, tick)
    except PayloadError as error:
        report(f"{source.name}: {error}")


def _detect(sample: bytes, decoders: Decoders) -> Form | None:
    """Tell the form; None for binary input, which must be seen whole."""
    if not sample:
        raise PayloadError("it is empty")
    text = _text(sample)
    return None if text is None else text_forms.form_of(text)


def _text(data: bytes) -> str | None:
    """Decode text; None where the bytes are none."""
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]", data):
        return None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        cut_off = error.end == len(data) and len(data) - error.start < 4
        return data[: error.start].decode() if cut_off else None


def _read_lines(source: Source, form: Form, report: Report, tick: Tick) -> Iterator[RawExit]:
    read_one = text_forms.read_pairs if form is Form.KEY_VALUE else text_forms.read_json_line
    for number, line in enumerate(iter(lambda: source.stream.readline(LINE_LIMIT), b""), 1):
        tick(len(line))
        if not line.strip() or line.startswith(b"#"):
            continue
        where = source.name if source.inline else f"{source.name}:{number}"
        try:
            if len(line) >= LINE_LIMIT:
                raise PayloadError(f"offset {LINE_LIMIT}: the line is longer than any exit")
            yield read_one(line.decode(errors="replace"), where)
        except PayloadError as error:
            report(f"{where}: {error}")


def _read_whole(source: Source, form: Form | None, decoders: Decoders, tick: Tick) -> Iterator[RawExit]:
    data = source.stream.read(WHOLE_LIMIT + 1)
    tick(len(data))
    if len(data) > WHOLE_LIMIT:
        raise PayloadError(
            f"offset {WHOLE_LIMIT}: it is longer than any dump; streams are JSON lines or key=value (--from)"
        )
    chosen = form or binary.form_of(data, decoders)
    if chosen is Form.KVM_RUN:
        yield binary.read_kvm_run(data, source.name, decoders)
    elif chosen is Form.PAYLOAD:
        yield from binary.read_payloads(data, source.name, decoders)
    else:
        yield from _read_text(data.decode(errors="replace"), chosen, source.name, decoders)


def _read_text(text: str, form: Form, name: str, decoders: Decoders) -> Iterator[RawExit]:
    if form is Form.HEX:
        return text_forms.read_hex(text.splitlines(), name, decoders)
    reader = text_forms.read_gdb if form is Form.GDB else text_forms.read_json
    return reader(text, name)
