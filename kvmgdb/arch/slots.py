"""Which breakpoints fit into which debug registers: pure functions over a layout.

:func:`allocate` either places every request or refuses and says what holds the slots; nothing is
changed before the caller acts on the answer.  :mod:`kvmgdb.arch.arming` turns an answer into register
contents and reads such contents back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.layout import DebugLayout, Slot, SlotUse, Span


@dataclass(frozen=True, slots=True)
class Request:
    """A breakpoint that wants hardware."""

    kind: BreakpointKind
    address: int
    length: int = 1

    def __str__(self) -> str:
        if self.kind.is_watch:
            return f"a {self.length}-byte {self.kind.label} at {self.address:#x}"
        return f"a {self.kind.label} at {self.address:#x}"


@dataclass(frozen=True, slots=True)
class Placement:
    """A request, or one piece of it, in a slot."""

    slot: str
    request: Request
    address: int
    """First address the slot covers: at or below the request's, where the hardware rounds down."""
    length: int
    note: str = ""
    """What the hardware does not do as the request wants it."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Every request in its slots."""

    placements: tuple[Placement, ...]

    def slots_of(self, request: Request) -> tuple[str, ...]:
        """Name the slots that hold ``request``."""
        return tuple(p.slot for p in self.placements if p.request == request)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The first request that does not fit."""

    request: Request
    reason: str
    """One sentence that names what holds the slots."""


def allocate(
    layout: DebugLayout,
    requests: Sequence[Request],
    *,
    taken: Mapping[str, str] | None = None,
    kvm: bool = False,
) -> Assignment | Refusal:
    """Place ``requests`` into the slots of ``layout``.

    Args:
        layout: the machine's debug registers.
        requests: in order of importance; what fails is named by the first that finds no place.
        taken: address registers that are not to be used, with who has them (``the guest's own``).
        kvm: use only what KVM_SET_GUEST_DEBUG can arm.
    """
    slots = [slot for slot in layout.slots if slot.kvm or not kvm]
    search = _Search(slots, requests)
    placements = search.place(0, dict(taken or {}))
    if placements is not None:
        return Assignment(tuple(placements))
    request = requests[search.deepest]
    return Refusal(request, _reason(layout, slots, request, search.held))


class _Search:
    """Depth-first: a request goes into plain slots or into a range, whichever leaves room."""

    def __init__(self, slots: Sequence[Slot], requests: Sequence[Request]) -> None:
        self._slots = slots
        self._requests = requests
        self.deepest = -1
        self.held: Mapping[str, str] = {}

    def place(self, index: int, held: Mapping[str, str]) -> list[Placement] | None:
        if index == len(self._requests):
            return []
        if index > self.deepest:
            self.deepest, self.held = index, held
        request = self._requests[index]
        for choice in _choices(self._slots, request, held):
            names = {name: str(request) for p in choice for name in self._holds(p.slot)}
            others = self.place(index + 1, {**held, **names})
            if others is not None:
                return [*choice, *others]
        return None

    def _holds(self, name: str) -> tuple[str, ...]:
        return next(slot.holds for slot in self._slots if slot.name == name)


def _choices(slots: Sequence[Slot], request: Request, held: Mapping[str, str]) -> list[list[Placement]]:
    """Every way to place one request, the one that takes the fewest registers first."""
    free = [slot for slot in slots if not any(name in held for name in slot.holds)]
    plain = _in_plain_slots([slot for slot in free if slot.end is None], request)
    usable = _usable([slot for slot in free if slot.end is not None], request)
    ranges = [_in_range(slot, use, request) for slot, use in usable if _begins_well(slot, request)]
    if plain is None:
        return ranges
    return [plain, *ranges] if len(plain) == 1 else [*ranges, plain]


def _usable(slots: Sequence[Slot], request: Request) -> Iterator[tuple[Slot, SlotUse]]:
    for slot in slots:
        use = slot.use(request.kind)
        if use is not None:
            yield slot, use


def _begins_well(slot: Slot, request: Request) -> bool:
    """Whether a range can begin where the request does: a watch may widen, a breakpoint must not move."""
    return request.kind.is_watch or request.address % slot.grain == 0


def _in_range(slot: Slot, use: SlotUse, request: Request) -> list[Placement]:
    start, end = _bounds(request, slot.grain)
    return [Placement(slot.name, request, start, end - start, use.note)]


def _in_plain_slots(slots: Sequence[Slot], request: Request) -> list[Placement] | None:
    """Cover the request with one slot for each piece; None if there are too few."""
    usable = list(_usable(slots, request))
    if not usable:
        return None
    pieces = _pieces(usable[0][1].spans, request)
    if pieces is None or len(pieces) > len(usable):
        return None
    return [
        Placement(slot.name, request, start, length, use.note)
        for (slot, use), (start, length) in zip(usable, pieces, strict=False)
    ]


def _pieces(spans: Sequence[Span], request: Request) -> list[tuple[int, int]] | None:
    """Split a request into aligned spans, the largest first that fits where it stands.

    A watch is widened to the smallest span the hardware has; a breakpoint must not move.
    """
    start, end = _bounds(request, spans[0].length)
    if not request.kind.is_watch and start != request.address:
        return None
    pieces = []
    while start < end:
        span = next(s for s in reversed(spans) if s.length <= end - start and s.fits(start))
        pieces.append((start, span.length))
        start += span.length
    return pieces


def _bounds(request: Request, grain: int) -> tuple[int, int]:
    """Widen a request to multiples of ``grain``: its start, and the first address past it."""
    start = request.address - request.address % grain
    return start, -(-(request.address + max(request.length, 1)) // grain) * grain


def _reason(layout: DebugLayout, slots: Sequence[Slot], request: Request, held: Mapping[str, str]) -> str:
    usable = [slot for slot, _ in _usable(slots, request)]
    if not usable:
        return f"{layout.arch} has no debug register for {request}"
    if not _choices(slots, request, {}):
        if not request.kind.is_watch and all(
            _pieces(spans, request) is None for spans in _spans(usable, request)
        ):
            return f"{request} is not on an instruction of {layout.arch}"
        count = len({name for slot in usable for name in slot.holds})
        return f"{request} does not fit into the {count} debug registers {layout.arch} has for it"
    names = dict.fromkeys(name for slot in usable for name in slot.holds)
    holders = ", ".join(f"{name} holds {held[name]}" for name in names if name in held)
    return f"no debug register is left for {request}: {holders}"


def _spans(slots: Sequence[Slot], request: Request) -> Iterator[Sequence[Span]]:
    return (use.spans for _, use in _usable(slots, request) if use.spans)
