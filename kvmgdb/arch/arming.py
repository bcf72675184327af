"""Slots as register contents: :func:`register_values` writes them, :func:`armed_slots` reads them back.

Reading back is for contents that are not ours: a guest's own debug registers, or a DR7 given by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.layout import DebugLayout, FieldRef, Setting, Slot
from kvmgdb.arch.slots import Assignment, Placement


def register_values(
    layout: DebugLayout, assignment: Assignment, base: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Register name -> contents that arm ``assignment``: address and control registers.

    ``base`` holds contents to start from; registers it does not name start from their reset value.
    Registers nothing needs changed are not in the answer, those of ``base`` are.
    """
    values = dict(base or {})
    settings = [s for placement in assignment.placements for s in _settings(layout, placement)]
    if settings:
        settings.extend(layout.common)
    for setting in settings:
        register = layout.by_name[setting.register]
        values[register.name] = register.encode({setting.field: setting.value}, values.get(register.name))
    return values


def _settings(layout: DebugLayout, placement: Placement) -> Iterator[Setting]:
    slot = layout.slot_by_name[placement.slot]
    use = slot.use(placement.request.kind)
    if use is None:
        return
    yield from _address_settings(layout, slot.address, placement.address)
    if slot.end is not None:
        yield from _address_settings(layout, slot.end, placement.address + placement.length)
    yield from use.settings
    for span in use.spans:
        if span.length == placement.length:
            yield from span.settings


def _address_settings(layout: DebugLayout, place: FieldRef, address: int) -> Iterator[Setting]:
    field = layout.by_name[place.register].by_name[place.field]
    yield Setting(place.register, place.field, address & field.mask)


@dataclass(frozen=True, slots=True)
class ArmedSlot:
    """A slot as register contents say it is armed."""

    slot: str
    kind: BreakpointKind | None
    """None: armed for something gdb has no name for (x86: I/O ports)."""
    address: int | None
    """None: the address register is not known."""
    length: int

    def __str__(self) -> str:
        where = "" if self.address is None else f" at {self.address:#x}"
        if self.kind is None:
            return f"a breakpoint of a kind gdb does not have{where}"
        size = f"{self.length}-byte " if self.kind.is_watch else ""
        article = "an" if not size and self.kind is BreakpointKind.ACCESS else "a"
        return f"{article} {size}{self.kind.label}{where}"


def armed_slots(layout: DebugLayout, values: Mapping[str, int]) -> tuple[ArmedSlot, ...]:
    """Say what register contents arm; the reverse of :func:`register_values`.

    Registers that ``values`` does not name count as not armed; an address among them is None.  A range
    hides the plain slots of its registers.
    """
    found: list[ArmedSlot] = []
    held: set[str] = set()
    for slot in sorted(layout.slots, key=lambda s: s.end is None):
        if held.isdisjoint(slot.holds) and any(_read(layout, values, e) for e in slot.enables):
            armed = _armed(layout, values, slot)
            if armed is not None:
                found.append(armed)
                held.update(slot.holds)
    order = [slot.name for slot in layout.slots]
    return tuple(sorted(found, key=lambda armed: order.index(armed.slot)))


def _armed(layout: DebugLayout, values: Mapping[str, int], slot: Slot) -> ArmedSlot | None:
    address = _read(layout, values, slot.address)
    for use in slot.uses:
        if not _all_set(layout, values, use.settings, slot.enables):
            continue
        for span in use.spans:
            if _all_set(layout, values, span.settings, ()):
                return ArmedSlot(slot.name, use.kind, address, span.length)
        if slot.end is not None:
            end = _read(layout, values, slot.end)
            known = address is not None and end is not None
            return ArmedSlot(slot.name, use.kind, address, end - address if known else 0)  # type: ignore[operator]
    return None if slot.end is not None else ArmedSlot(slot.name, None, address, 0)


def _all_set(
    layout: DebugLayout,
    values: Mapping[str, int],
    settings: Sequence[Setting],
    enables: Sequence[FieldRef],
) -> bool:
    """Whether every setting holds.  Of several enables (x86: L and G) any one will do."""
    alternatives = {(e.register, e.field) for e in enables} if _one_kind(settings, enables) else set()
    return all(
        (s.register, s.field) in alternatives
        or (_read(layout, values, FieldRef(s.register, s.field)) or 0) == s.value
        for s in settings
    )


def _one_kind(settings: Sequence[Setting], enables: Sequence[FieldRef]) -> bool:
    """Whether the enables say no more than *armed*: then the settings name only one of them."""
    named = {(s.register, s.field) for s in settings}
    return sum((e.register, e.field) in named for e in enables) == 1


def _read(layout: DebugLayout, values: Mapping[str, int], place: FieldRef) -> int | None:
    if place.register not in values:
        return None
    return layout.by_name[place.register].by_name[place.field].get(values[place.register])
