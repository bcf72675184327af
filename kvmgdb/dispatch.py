"""From a packet's payload to its outcome: parse, look up, call; errors become replies."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from kvmgdb.errors import RspError
from kvmgdb.handlers import (
    breakpoints,
    lldb,
    memory,
    monitor,
    objects,
    qemu,
    registers,
    running,
    search,
    threads,
)
from kvmgdb.outcomes import Outcome, Reply
from kvmgdb.rsp import framing, packets, replies
from kvmgdb.rsp.parsing import parse
from kvmgdb.rsp.replies import ErrorStyle
from kvmgdb.session import Session

log = logging.getLogger(__name__)


def supported(session: Session, packet: packets.Supported) -> Reply:
    """``qSupported``: what the handlers offer."""
    session.features = packet.features
    return Reply(b";".join((b"PacketSize=%x" % framing.MAX_PACKET, *(f.encode("ascii") for f in OFFERED))))


def start_no_ack(session: Session, _packet: packets.StartNoAckMode) -> Reply:
    """``QStartNoAckMode``: from the next packet on."""
    session.acks = False
    return Reply(replies.OK)


def must_reply_empty(_session: Session, _packet: packets.MustReplyEmpty) -> Reply:
    """``vMustReplyEmpty``."""
    return Reply(replies.EMPTY)


_MODULES = (registers, memory, search, breakpoints, running, threads, objects, monitor, qemu, lldb)

OFFERED: tuple[str, ...] = ("QStartNoAckMode+", *(f for module in _MODULES for f in module.FEATURES))

HANDLERS: dict[type, Callable[[Session, Any], Outcome]] = {
    packets.Supported: supported,
    packets.StartNoAckMode: start_no_ack,
    packets.MustReplyEmpty: must_reply_empty,
}
for _module in _MODULES:
    HANDLERS.update(_module.HANDLERS)


_HIDDEN = (b"Z", b"qSearch")
"""Packets of which no debugger shows the reason, also where it takes one (tried with gdb 16.3 and LLDB 14):
"Cannot insert breakpoint 1", "Pattern not found"."""
_NEEDING_TEXT = (b"P", b"G")
"""Packets of which it shows what it takes: to an older gdb that is a number."""


def dispatch(session: Session, payload: bytes) -> Outcome:
    """What to do about one packet.  A packet that fails is an ``E`` reply; the session goes on."""
    try:
        packet = parse(payload)
        if packet is None:
            return Reply(replies.EMPTY)
        return HANDLERS[type(packet)](session, packet)
    except RspError as problem:
        without_text = session.error_style is ErrorStyle.NUMBER
        told = not payload.startswith(_HIDDEN + _NEEDING_TEXT if without_text else _HIDDEN)
        log.log(
            logging.INFO if told else logging.WARNING,  # else nobody would ever see the reason
            "%s: %s",
            payload[:60].decode("latin-1"),
            problem.text,
        )
        return Reply(session.error_reply(problem))
