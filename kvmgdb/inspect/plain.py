"""Exits as plain text, for pipes and files."""

from __future__ import annotations

from collections.abc import Iterator

from kvmgdb.inspect import view
from kvmgdb.inspect.image import Image, Place
from kvmgdb.inspect.judge import Judged


def lines(judged: Judged, image: Image | None) -> Iterator[str]:
    """Print one exit, ended by an empty line."""
    verdict = judged.verdict
    whose = view.owner(judged)
    yield f"{judged.raw.where}: {view.title(judged)}"
    yield f"  {verdict.sentence}" + (f" [{whose}]" if whose else "")
    if verdict.decide:
        yield f"  what would decide it: {verdict.decide}"
    if view.recorded(judged):
        yield f"  recorded: {view.recorded(judged)}"
    yield from _payload(judged)
    for quirk in verdict.quirks:
        yield f"  warning: {quirk.text} ({quirk.code})"
    for note in judged.notes:
        yield f"  note: {note}"
    place = view.place_of(judged, image)
    if place is not None:
        yield from _code(place)
    yield ""


def _payload(judged: Judged) -> Iterator[str]:
    rows = list(view.rows(judged))
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        yield f"  {row.name:<{width}}  {row.digits}" + (f"  {row.text}" if row.text else "")
        for item in row.telling():
            meaning = item.field.means(item.value)
            text = f"{item.field.summary} = {meaning}" if meaning else item.field.summary
            yield f"  {'':<{width}}    {item.field.name:<6} {item.field.mask:#010x}  {text}"


def _code(place: Place) -> Iterator[str]:
    yield f"  in {place}"
    for instruction in place.instructions:
        mark = "=>" if instruction.marked else "  "
        yield f"  {mark} {instruction.address:#x}  {instruction.code.hex(' '):<24}  {instruction.text}"
