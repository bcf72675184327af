"""From a packet's payload to its value, by a table.

Adding a packet is adding a class to :mod:`kvmgdb.rsp.packets` and a row here.  A payload that no row takes
parses to None: the reply to that is the empty packet (GDB manual, "Overview": "If a response is not
supported").  A payload that a row takes and that is malformed raises :class:`PacketError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.errors import RspError
from kvmgdb.rsp.packets import (
    Action,
    Attached,
    ChecksumMemory,
    CurrentThread,
    Detach,
    EnableErrorStrings,
    HaltReason,
    HostInfo,
    InsertBreakpoint,
    Kill,
    MemoryRegion,
    Monitor,
    MustReplyEmpty,
    PacketValue,
    PhysicalMemory,
    ReadMemory,
    ReadObject,
    ReadRegister,
    ReadRegisters,
    RemoveBreakpoint,
    Resume,
    ResumeKind,
    ResumeOffer,
    SearchMemory,
    SelectThread,
    StartNoAckMode,
    StepFlags,
    Supported,
    ThreadAlive,
    ThreadExtra,
    ThreadList,
    WriteMemory,
    WriteRegister,
    WriteRegisters,
)


class PacketError(RspError):
    """A packet of a known kind whose arguments make no sense."""


_NUMBER = re.compile(rb"[0-9a-fA-F]{1,16}")
"""64 bits are the widest any number of the protocol is; ``int`` alone would take signs and blanks too."""


def _hex(text: bytes, what: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise PacketError(f"{what} {text[:40]!r} is not a hexadecimal number of at most 64 bits")
    return int(text, 16)


def _thread(text: bytes) -> int:
    number = text.rpartition(b".")[2]
    return -1 if number == b"-1" else _hex(number, "thread id")


def _data(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        raise PacketError(f"{text[:20]!r}… is not hexadecimal data") from None


def _range(text: bytes) -> tuple[int, int]:
    address, comma, length = text.partition(b",")
    if not comma:
        raise PacketError(f"{text[:40]!r} is not address,length")
    return _hex(address, "address"), _hex(length, "length")


def _write_hex(text: bytes) -> WriteMemory:
    head, _, body = text.partition(b":")
    address, length = _range(head)
    return _sized(address, length, _data(body))


def _write_binary(text: bytes) -> WriteMemory:
    head, _, body = text.partition(b":")
    address, length = _range(head)
    return _sized(address, length, body)


def _sized(address: int, length: int, data: bytes) -> WriteMemory:
    if len(data) != length:
        raise PacketError(f"a write of {length} bytes brings {len(data)}")
    return WriteMemory(address, data)


def _search(text: bytes) -> SearchMemory | None:
    what, _, body = text.partition(b":")
    if what != b"memory":
        return None
    fields = body.split(b";", 2)
    if len(fields) != 3 or not fields[2]:
        raise PacketError(f"{body[:40]!r} is not address;length;pattern")
    return SearchMemory(_hex(fields[0], "address"), _hex(fields[1], "length"), fields[2])


_KINDS = {b"%d" % kind: kind for kind in BreakpointKind}


def _point(text: bytes) -> tuple[BreakpointKind, int, int]:
    fields = text.split(b",")
    if len(fields) != 3:
        raise PacketError(f"{text[:40]!r} is not type,address,kind")
    digit, address, length = fields
    kind = _KINDS.get(digit)
    if kind is None:
        raise PacketError(f"breakpoint type {digit[:40]!r} does not exist")
    return kind, _hex(address, "address"), _hex(length, "kind")


def _insert(text: bytes) -> InsertBreakpoint:
    if b";" not in text:  # as nearly always
        return InsertBreakpoint(*_point(text))
    head, _, lists = text.partition(b";")
    conditions, has_commands, tail = lists.partition(b"cmds:")
    flag, _, commands = tail.partition(b",")
    persist = bool(has_commands) and _hex(flag, "persist") != 0
    return InsertBreakpoint(
        *_point(head), _expressions(conditions, "condition"), _expressions(commands, "command"), persist
    )


def _expressions(text: bytes, what: str) -> tuple[bytes, ...]:
    """``X len,expr`` any number of times.  gdb writes them one right after the other; the manual shows no
    separator, and gdbserver passes over a ``;``.
    """
    found = []
    while text := text.lstrip(b";"):
        if not text.startswith(b"X"):
            raise PacketError(f"{what} {text[:40]!r} is not X len,expr")
        size, _, rest = text[1:].partition(b",")
        digits = 2 * _hex(size, f"length of a {what}")
        if len(rest) < digits:
            raise PacketError(f"a {what} of {digits // 2} bytes brings {len(rest) // 2}")
        found.append(_data(rest[:digits]))
        text = rest[digits:]
    return tuple(found)


def _remove(text: bytes) -> RemoveBreakpoint:
    return RemoveBreakpoint(*_point(text.partition(b";")[0]))


def _write_register(text: bytes) -> WriteRegister:
    number, _, value = text.partition(b"=")
    return WriteRegister(_hex(number, "register number"), _data(value))


def _old_resume(kind: ResumeKind, with_signal: bool) -> Callable[[bytes], Resume]:
    def parse(text: bytes) -> Resume:
        signal, address = 0, text
        if with_signal:
            number, _, address = text.partition(b";")
            signal = _hex(number, "signal")
        return Resume((Action(kind, signal),), _hex(address, "address") if address else None)

    return parse


_VCONT: dict[bytes, tuple[ResumeKind, Callable[[bytes], dict[str, Any]] | None]] = {
    b"c": (ResumeKind.CONTINUE, None),
    b"C": (ResumeKind.CONTINUE, lambda text: {"signal": _hex(text, "signal")}),
    b"s": (ResumeKind.STEP, None),
    b"S": (ResumeKind.STEP, lambda text: {"signal": _hex(text, "signal")}),
    b"r": (ResumeKind.RANGE, lambda text: {"within": range(*_bounds(text))}),
}
"""Letter -> what it asks for, and how what follows the letter is read."""


def _bounds(text: bytes) -> tuple[int, int]:
    start, comma, end = text.partition(b",")
    if not comma:
        raise PacketError(f"{text[:40]!r} is not start,end")
    return _hex(start, "start"), _hex(end, "end")


def _vcont(text: bytes) -> Resume:
    return Resume(tuple(_vcont_action(part) for part in text.split(b";")))


def _vcont_action(text: bytes) -> Action:
    verb, _, thread = text.partition(b":")
    kind, argument = _VCONT.get(verb[:1], (None, None))
    if kind is None or bool(verb[1:]) != (argument is not None):
        raise PacketError(f"vCont action {verb[:20]!r} was not offered")
    number = _thread(thread) if thread else -1
    given = argument(verb[1:]) if argument is not None else {}
    return Action(kind, thread=None if number <= 0 else number, **given)


def _xfer(text: bytes) -> ReadObject | None:
    fields = text.decode("latin-1").split(":", 3)
    if len(fields) != 4 or fields[1] != "read":
        return None
    offset, length = _range(fields[3].encode("latin-1"))
    return ReadObject(fields[0], fields[2], offset, length)


def _monitor(text: bytes) -> Monitor:
    return Monitor(_data(text).decode("utf-8", "replace").strip())


def _switch(text: bytes) -> PhysicalMemory:
    if text not in (b"0", b"1"):
        raise PacketError(f"PhyMemMode is 0 or 1, not {text[:20]!r}")
    return PhysicalMemory(text == b"1")


Parser = Callable[[bytes], PacketValue | None]

_NAMED: dict[bytes, Parser] = {
    b"vCont?": lambda _: ResumeOffer(),
    b"vCont;": _vcont,
    b"vKill;": lambda _: Kill(wants_reply=True),
    b"vMustReplyEmpty": lambda _: MustReplyEmpty(),
    b"qSupported": lambda rest: Supported(frozenset(rest.lstrip(b":").decode("latin-1").split(";"))),
    b"QStartNoAckMode": lambda _: StartNoAckMode(),
    b"qXfer:": _xfer,
    b"qSearch:": _search,
    b"qCRC:": lambda rest: ChecksumMemory(*_range(rest)),
    b"qfThreadInfo": lambda _: ThreadList(first=True),
    b"qsThreadInfo": lambda _: ThreadList(first=False),
    b"qThreadExtraInfo,": lambda rest: ThreadExtra(_thread(rest)),
    b"qAttached": lambda _: Attached(),
    b"qRcmd,": _monitor,
    b"qqemu.PhyMemMode": lambda _: PhysicalMemory(None),
    b"Qqemu.PhyMemMode:": _switch,
    b"qqemu.sstepbits": lambda _: StepFlags(query="bits"),
    b"qqemu.sstep": lambda _: StepFlags(query="value"),
    b"Qqemu.sstep=": lambda rest: StepFlags(value=_hex(rest, "step flags")),
    b"qHostInfo": lambda _: HostInfo(process=False),
    b"qProcessInfo": lambda _: HostInfo(process=True),
    b"qMemoryRegionInfo:": lambda rest: MemoryRegion(_hex(rest, "address")),
    b"QEnableErrorStrings": lambda _: EnableErrorStrings(),
}
"""Packets with a name.  A name that ends in punctuation takes the rest; one that does not may be
followed by ``:`` or ``;`` and arguments."""

_LETTER: dict[int, Parser] = {
    ord("?"): lambda _: HaltReason(),
    ord("g"): lambda _: ReadRegisters(),
    ord("G"): lambda rest: WriteRegisters(_data(rest)),
    ord("p"): lambda rest: ReadRegister(_hex(rest, "register number")),
    ord("P"): _write_register,
    ord("m"): lambda rest: ReadMemory(*_range(rest)),
    ord("x"): lambda rest: ReadMemory(*_range(rest), binary=True),
    ord("M"): _write_hex,
    ord("X"): _write_binary,
    ord("Z"): _insert,
    ord("z"): _remove,
    ord("c"): _old_resume(ResumeKind.CONTINUE, False),
    ord("C"): _old_resume(ResumeKind.CONTINUE, True),
    ord("s"): _old_resume(ResumeKind.STEP, False),
    ord("S"): _old_resume(ResumeKind.STEP, True),
    ord("D"): lambda _: Detach(),
    ord("k"): lambda _: Kill(wants_reply=False),
    ord("H"): lambda rest: SelectThread(rest[:1].decode("latin-1"), _thread(rest[1:])),
    ord("T"): lambda rest: ThreadAlive(_thread(rest)),
}
"""Packets that are one letter and its arguments."""

_LONG = frozenset(b"vqQ")
_END_OF_NAME = frozenset(b":;?,=")


SHORT = 64
"""Payloads up to this length are remembered: a debugger sends the same few over and over."""


def parse(payload: bytes) -> PacketValue | None:
    """The packet in ``payload``; None for one that is not ours to know.

    Raises:
        PacketError: a known packet with arguments that make no sense.
    """
    return _parse_short(payload) if len(payload) <= SHORT else _parse(payload)


def _parse(payload: bytes) -> PacketValue | None:
    if not payload:
        return None
    if payload[0] not in _LONG:
        parser = _LETTER.get(payload[0])
        return parser(payload[1:]) if parser is not None else None
    if payload == b"qC":
        return CurrentThread()
    end = next((i for i, byte in enumerate(payload[:24]) if byte in _END_OF_NAME), len(payload))
    for name in (payload[: end + 1], payload[:end]):
        parser = _NAMED.get(name)
        if parser is not None:
            return parser(payload[len(name) :])
    return None


_parse_short = lru_cache(maxsize=4096)(_parse)
