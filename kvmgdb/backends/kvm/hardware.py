"""Breakpoints in debug registers: slots beside the guest's own, and what KVM_SET_GUEST_DEBUG gets.

The guest's own come first.  Should it arm so many that ours no longer fit, the last of ours give way: an
execution breakpoint stands as a trap in memory as long as that lasts, a watchpoint is out of use.  The log
says which.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Mapping
from sys import byteorder

from kvmgdb.arch.arming import ArmedSlot
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.kvm import KvmPort, VcpuState
from kvmgdb.arch.layout import DebugLayout
from kvmgdb.arch.slots import Assignment, Refusal, Request, allocate
from kvmgdb.backends.kvm.view import View
from kvmgdb.errors import RspError

log = logging.getLogger(__name__)

NOTHING = Assignment(())


class Hardware:
    """The debug registers of one processor.

    ``displace`` puts a trap at the address of an execution breakpoint that has lost its register, and says
    whether that could be done; ``replace`` takes it out.
    """

    def __init__(
        self,
        layout: DebugLayout,
        port: KvmPort,
        displace: Callable[[int], bool],
        replace: Callable[[int], None],
    ) -> None:
        self._layout = layout
        self._port = port
        self._displace = displace
        self._replace = replace
        self._moved: set[Request] = set()
        self._requests: list[Request] = []
        self._refused: frozenset[Request] = frozenset()
        self._contents: dict[Request, bytes] = {}
        self._assignment = NOTHING
        self._watches = NOTHING
        self.armed: tuple[ArmedSlot, ...] = ()
        """What is armed for the debugger."""

    def __bool__(self) -> bool:
        return bool(self._requests)

    def has_code(self, address: int) -> bool:
        """Whether an execution breakpoint of ours is at ``address``."""
        return any(r.address == address and not r.kind.is_watch for r in self._requests)

    def insert(self, kind: BreakpointKind, address: int, length: int, state: VcpuState) -> None:
        """Want a breakpoint.

        Raises:
            RspError: no slot is left for it; the text says what holds them.
        """
        request = Request(kind, address, length if kind.is_watch else 1)
        if request in self._requests:
            return
        answer = self._allocate([*self._requests, request], self._port.taken(state))
        if isinstance(answer, Refusal):
            raise RspError(answer.reason, errno.ENOSPC)
        self._requests.append(request)
        self._take(answer)

    def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Want it no more; the others stay where they are."""
        request = Request(kind, address, length if kind.is_watch else 1)
        if request in self._requests:
            self._requests.remove(request)
            self._refused -= {request}
            if request in self._moved:
                self._move_back(request)
            self._take(Assignment(tuple(p for p in self._assignment.placements if p.request != request)))

    def refresh(self, state: VcpuState) -> None:
        """See what the guest uses now, and make room for it."""
        taken = self._port.taken(state)
        wanted = list(self._requests)
        answer = self._allocate(wanted, taken)
        while isinstance(answer, Refusal):
            wanted.remove(answer.request)
            answer = self._allocate(wanted, taken)
        refused = frozenset(self._requests) - frozenset(wanted)
        for request in refused - self._refused:
            self._give_way(request)
        for request in self._refused - refused:
            if request in self._moved:
                self._move_back(request)
            log.warning("%s is in a debug register again", request)
        self._refused = refused
        self._take(answer)

    def _give_way(self, request: Request) -> None:
        if not request.kind.is_watch and self._displace(request.address):
            self._moved.add(request)
            log.warning("%s is a trap in memory now: the guest has taken its debug register", request)
        else:
            log.warning("%s is out of use: the guest has taken its debug register", request)

    def _move_back(self, request: Request) -> None:
        self._moved.discard(request)
        self._replace(request.address)

    def run_arch(self, state: VcpuState) -> bytes:
        """``struct kvm_guest_debug_arch`` for a run."""
        return self._arch(self._assignment, state)

    def step_arch(self, state: VcpuState) -> bytes:
        """The same for a single step, where no execution breakpoint is wanted; empty where nothing is."""
        return self._arch(self._watches, state) if self._watches.placements else b""

    def hit(self, slot: str) -> tuple[Request, int]:
        """Whose piece a slot holds, and the first watched byte in it: the hardware tells no more."""
        placement = next(p for p in self._assignment.placements if p.slot == slot)
        return placement.request, max(placement.address, placement.request.address)

    def note_contents(self, view: View) -> None:
        """Before a run: what read watchpoints see, so that a write can be told from a read."""
        self._contents = {
            request: view.read_virtual(request.address, request.length)
            for request in self._requests
            if request.kind is BreakpointKind.READ
        }

    def has_changed(self, request: Request, view: View) -> bool:
        """Whether a read watchpoint's bytes are no longer what they were: then it was a write."""
        old, new = self._contents[request], view.read_virtual(request.address, request.length)
        self._contents[request] = new
        return new != old

    def _arch(self, assignment: Assignment, state: VcpuState) -> bytes:
        return self._port.debug_arch(self._layout.kvm_debug_arch(assignment, byteorder), state)

    def _allocate(self, requests: list[Request], taken: Mapping[str, str]) -> Assignment | Refusal:
        return allocate(self._layout, requests, taken=taken, kvm=True)

    def _take(self, assignment: Assignment) -> None:
        placements = assignment.placements
        self._assignment = assignment
        self._watches = Assignment(tuple(p for p in placements if p.request.kind.is_watch))
        self.armed = tuple(ArmedSlot(p.slot, p.request.kind, p.address, p.length) for p in placements)
