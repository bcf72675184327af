"""Text input: JSON, JSON lines, traces, gdb's printing, ``key=value``, hex; and telling them apart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from kvmgdb.arch.trace import VERSION_KEY
from kvmgdb.errors import PayloadError
from kvmgdb.inspect import binary, gdb_text, hex_text
from kvmgdb.inspect.decoders import Decoders
from kvmgdb.inspect.raw import Form, RawExit
from kvmgdb.inspect.structs import from_mapping

_PAIR = re.compile(r"([A-Za-z_][\w.\[\]]*)\s*[=:]\s*(0[xX][0-9a-fA-F_]+|\d[\d_]*|[A-Za-z_][\w:.-]*)")
_GDB = re.compile(r"(?:^|\n)\s*(?:\$\d+|[\w.>-]+)?\s*=?\s*(?:\([^)]*\)\s*)?\{\s*(?:[A-Za-z_]\w*\s*=|\{|\})")
_HEX = re.compile(r"[0-9a-fA-FxX\s,:;|.\\_-]+")


def form_of(text: str) -> Form:
    """Tell how text is written, by its beginning.

    Raises:
        PayloadError: it is none of the known forms.
    """
    start = text.lstrip()
    if start.startswith(("{", "[")) and not _GDB.match(start):
        return _json_form(start)
    if _GDB.search(text[:4096]):
        return Form.GDB
    first = start.partition("\n")[0].strip()
    if hex_text.is_hexdump(first) or (_HEX.fullmatch(first) and "=" not in first):
        return Form.HEX
    if _PAIR.search(first):
        return Form.KEY_VALUE
    shown = repr(first[:40]) if first else "nothing"
    raise PayloadError(f"offset {len(text) - len(start)}: no known form of an exit begins with {shown}")


def _json_form(start: str) -> Form:
    try:
        value = json.loads(start.partition("\n")[0])
    except (ValueError, RecursionError):
        return Form.JSON
    if not isinstance(value, dict):
        return Form.JSON
    return Form.TRACE if VERSION_KEY in value else Form.JSONL


def read_json_line(line: str, where: str) -> RawExit:
    """Read one line of JSON.

    Raises:
        PayloadError: it is no JSON object, or no exit.
    """
    try:
        value = json.loads(line)
    except ValueError as error:
        raise PayloadError(_json_problem(error)) from None
    except RecursionError:
        raise PayloadError("offset 0: it is nested too deeply") from None
    if not isinstance(value, dict):
        raise PayloadError(f"offset 0: an exit is a JSON object, not {line.strip()[:20]!r}")
    return from_mapping(value, where)


def _json_problem(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"offset {error.pos}: {error.msg}"
    return str(error)


def read_json(text: str, where: str) -> Iterator[RawExit]:
    """Read JSON documents, one after another; an array holds several exits.

    Raises:
        PayloadError: no JSON, or no exit.
    """
    decoder = json.JSONDecoder()
    at = 0
    found: list[object] = []
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError as error:
            raise PayloadError(_json_problem(error)) from None
        except RecursionError:
            raise PayloadError(f"offset {at}: it is nested too deeply") from None
        found.extend(value if isinstance(value, list) else [value])
    for number, value in enumerate(found, 1):
        place = where if len(found) == 1 else f"{where}[{number}]"
        if not isinstance(value, dict):
            raise PayloadError(f"exit {number} is no JSON object: {str(value)[:20]!r}")
        yield from_mapping(value, place)


def read_gdb(text: str, where: str) -> Iterator[RawExit]:
    """Read what gdb printed; several structures are several exits.

    Raises:
        PayloadError: not gdb's syntax, or no exit.
    """
    values = list(gdb_text.parse(text))
    if not values:
        raise PayloadError("offset 0: there is no structure in it")
    for number, value in enumerate(values, 1):
        yield from_mapping(value, where if len(values) == 1 else f"{where}[{number}]")


def read_pairs(line: str, where: str) -> RawExit:
    """Read one line of ``key=value`` text.

    Raises:
        PayloadError: no pair in it, or something between pairs that is none.
    """
    left_over = re.sub(r"[\s,;]+", " ", _PAIR.sub(" ", line)).split()
    if left_over:
        word = left_over[0]
        raise PayloadError(f"offset {line.find(word)}: {word[:20]!r} is not key=value")
    pairs = {name.rpartition(".")[2]: value for name, value in _PAIR.findall(line)}
    if not pairs:
        raise PayloadError("offset 0: there is no key=value in it")
    return from_mapping(pairs, where)


def read_hex(lines: Iterable[str], where: str, decoders: Decoders) -> Iterator[RawExit]:
    """Read hex: payloads, or dumps of struct kvm_run.

    Raises:
        PayloadError: not hex, or bytes that are neither.
    """
    found = list(hex_text.exits_of(lines))
    for number, data in found:
        place = where if len(found) == 1 else f"{where}:{number}"
        if binary.form_of(data, decoders) is Form.KVM_RUN:
            yield binary.read_kvm_run(data, place, decoders)
        else:
            yield from binary.read_payloads(data, place, decoders)
