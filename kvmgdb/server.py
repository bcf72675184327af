"""The loop: a debugger's bytes in, the guest run, replies out; one thread for all of it."""

from __future__ import annotations

import logging
from binascii import hexlify
from collections import deque

from kvmgdb.arch.stops import Signal, Stop, StopKind
from kvmgdb.arch.trace import TO_THE_DEBUGGER
from kvmgdb.dispatch import dispatch
from kvmgdb.errors import RspError
from kvmgdb.outcomes import Close, Leave, Outcome, Reply, Run, State, Trigger
from kvmgdb.policy import OnDisconnect
from kvmgdb.rsp import framing
from kvmgdb.session import Session
from kvmgdb.transport import Connection, Listener

log = logging.getLogger(__name__)

NO_INSTRUCTION = range(0)
"""A run within it ends after the first one."""


SHOWN = 200
"""Bytes of a packet that -vv shows."""


def _shown(payload: bytes) -> str:
    text = payload[:SHOWN].decode("latin-1").encode("unicode_escape").decode("ascii")
    return text if len(payload) <= SHOWN else f"{text}... ({len(payload)} bytes)"


class Server:
    """Serves one guest to one debugger after another."""

    def __init__(self, session: Session, listener: Listener, *, once: bool, run: bool) -> None:
        self._session = session
        self._listener = listener
        self._once = once
        self._free_running = run

    def serve(self) -> None:
        """Until the guest is over, a debugger kills it, or there will be no more debuggers."""
        while (connection := self._next_connection()) is not None:
            log.info("debugger attached: %s", connection.peer)
            self._session.attach()
            try:
                leave = Conversation(self._session, connection).hold()
            finally:
                connection.close()
            log.info("debugger gone: %s", leave.value if leave else "connection lost")
            if self._is_over(leave):
                return

    def _is_over(self, leave: Leave | None) -> bool:
        session = self._session
        session.drop_breakpoints(keep_persistent=True)
        if leave is None and session.state is not State.ENDED:
            self._clean_up()
        on_disconnect = session.policy.on_disconnect
        self._free_running = leave is Leave.DETACH or (leave is None and on_disconnect is OnDisconnect.RUN)
        return (
            self._once
            or leave is Leave.KILL
            or session.state is State.ENDED
            or (leave is None and on_disconnect is OnDisconnect.EXIT)
        )

    def _clean_up(self) -> None:
        count = self._session.take_out_traps()
        if count:
            log.warning("the debugger left %d of its traps in memory: what was there is put back", count)

    def _next_connection(self) -> Connection | None:
        """Wait for a debugger; meanwhile the guest runs, where it was left running."""
        if self._free_running and not self._run_alone():
            return None
        return self._listener.accept()

    def _run_alone(self) -> bool:
        """Run the guest without a debugger until one knocks or the guest stops; whether it lives on."""
        backend = self._session.guest.backend
        stop = backend.resume(self._listener.fd, fresh=True)
        if stop is None:
            self._session.last_stop = Stop(StopKind.INTERRUPT, backend.pc(), reason="a debugger attached")
            return True
        self._session.last_stop = stop
        self._session.record(stop, TO_THE_DEBUGGER)
        log.warning("%s", stop.reason)
        return stop.kind is not StopKind.EXIT


class Conversation:
    """One debugger's connection, from its first byte to its last."""

    def __init__(self, session: Session, connection: Connection) -> None:
        self._session = session
        self._connection = connection
        self._decoder = framing.Decoder()
        self._events: deque[framing.Event] = deque()
        self._last_frame = b""
        self._interrupted = False
        self._logs_packets = log.isEnabledFor(logging.DEBUG)  # asked once: a packet takes microseconds

    def hold(self) -> Leave | None:
        """Talk until the debugger leaves; None where the connection just ended."""
        alone, self._session.say = self._session.say, self._say
        try:
            return self._talk()
        finally:
            self._session.say = alone

    def _say(self, text: bytes) -> None:
        """Have the debugger show text while the guest runs (GDB manual, "Stop Reply Packets": ``O``)."""
        self._connection.send(framing.encode(b"O" + hexlify(text)))

    def _talk(self) -> Leave | None:
        while self._read():
            while self._events:
                outcome = self._on_event(self._events.popleft())
                if outcome is not None:
                    return outcome
        return None

    def _read(self) -> bool:
        data = self._connection.receive()
        self._events.extend(self._decoder.feed(data))
        return bool(data)

    def _on_event(self, event: framing.Event) -> Leave | None:
        if isinstance(event, framing.Packet):  # first and not as a pattern: it is nearly always one
            again = self._session.acks and self._is_sent_again(event)
            return None if again else self._on_packet(event.payload)
        match event:
            case framing.BadPacket(reason):
                self._on_bad_packet(reason)
            case framing.Ack(ok=False) if self._session.acks:
                self._connection.send(self._last_frame)
            case framing.Interrupt():
                self._interrupted = True  # queued for the next resume (GDB manual, "Interrupts")
            case _:
                pass  # an ack that says all is well
        return None

    def _is_sent_again(self, packet: framing.Packet) -> bool:
        """Whether the same packet comes right behind: a debugger that has waited for the acknowledgement of
        the first in vain, as for a server that took long to start, takes one answer.
        """
        return bool(self._events) and self._events[0] == packet

    def _on_bad_packet(self, reason: str) -> None:
        log.warning("a packet was refused: %s", reason)
        if self._session.acks:
            self._connection.send(b"-")
        else:  # nobody would send it again: without an answer the debugger would wait for ever
            self._answer(self._session.error_reply(RspError(reason)), b"")

    def _on_packet(self, payload: bytes) -> Leave | None:
        ack = b"+" if self._session.acks else b""
        outcome = self._guarded(payload)
        if isinstance(outcome, Reply):
            self._answer(outcome.payload, ack)
            return None
        if isinstance(outcome, Close):
            if outcome.payload is not None:
                self._answer(outcome.payload, ack)
            return outcome.how
        if ack:
            self._connection.send(ack)
        stop = self._run(outcome)
        if stop is None:
            self._session.move(Trigger.STOP)  # the connection is gone: the next read says so
        else:
            self._answer(self._session.on_stop(stop), b"")
        return None

    def _guarded(self, payload: bytes) -> Outcome:
        """Dispatch; a fault of ours fails one packet and not the session."""
        if self._logs_packets:
            log.debug("-> %s", _shown(payload))
        try:
            return dispatch(self._session, payload)
        except Exception as problem:
            log.error(
                "internal error in packet %s: %s: %s",
                payload[:60].decode("latin-1"),
                type(problem).__name__,
                problem,
                exc_info=log.isEnabledFor(logging.DEBUG),
            )
            return Reply(self._session.error_reply(RspError(f"internal error: {problem}")))

    def _answer(self, payload: bytes, ack: bytes) -> None:
        if self._logs_packets:
            log.debug("<- %s", _shown(payload))
        frame = self._last_frame = framing.encode(payload)
        self._connection.send(ack + frame if ack else frame)

    def _run(self, run: Run) -> Stop | None:
        """Run the guest; None if the debugger vanished meanwhile."""
        backend = self._session.guest.backend
        try:
            fresh = True
            while not self._take_interrupt():
                if run.step and not backend.may_wait:
                    return backend.step()
                within = NO_INSTRUCTION if run.step else run.within
                stop = backend.resume(self._connection.fd, fresh, within)
                if stop is not None:
                    return stop
                fresh = False
                if self._connection.has_sent() and not self._read():
                    return None
            return Stop(StopKind.INTERRUPT, backend.pc(), Signal.INT, "interrupted by the debugger")
        except Exception as problem:  # the session outlives a fault of the backend
            log.error("the guest cannot run on: %r", problem, exc_info=log.isEnabledFor(logging.DEBUG))
            return Stop(StopKind.SHUTDOWN, backend.pc(), Signal.ABRT, f"the guest cannot run on: {problem!r}")

    def _take_interrupt(self) -> bool:
        """Whether an interrupt has come in, be it in one piece with the resume or before it; packets sent
        meanwhile wait for the stop.
        """
        if not self._events and not self._interrupted:
            return False
        waiting = [event for event in self._events if not isinstance(event, framing.Interrupt)]
        interrupted = self._interrupted or len(waiting) < len(self._events)
        self._interrupted = False
        self._events = deque(waiting)
        return interrupted
