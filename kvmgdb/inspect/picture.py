"""Exits as a picture for a terminal: registers as boxes of bits."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from kvmgdb.arch.exits import Owner
from kvmgdb.arch.layout import Cell, DebugRegister
from kvmgdb.inspect import view
from kvmgdb.inspect.image import Image, Place
from kvmgdb.inspect.judge import Judged

_OWNER_STYLES = {Owner.OURS: "bold green", Owner.NOT_OURS: "bold magenta", Owner.UNKNOWN: "bold yellow"}
_CELL_PADDING = 3
"""What a border and a blank on each side add to a cell."""
_LONGEST_BITS = 8
"""A run of more bits is shown in hex."""


def picture(judged: Judged, image: Image | None, width: int) -> RenderableType:
    """Draw one exit, ``width`` columns wide."""
    parts: list[RenderableType] = [_verdict(judged)]
    parts.extend(_payload(judged, width - 4))
    parts.extend(Text(f"! {quirk.text} ({quirk.code})", "yellow") for quirk in judged.verdict.quirks)
    parts.extend(Text(f"note: {note}", "dim") for note in judged.notes)
    place = view.place_of(judged, image)
    if place is not None:
        parts.append(_code(place))
    name = Text(f" {judged.raw.where}: {view.title(judged)} ")
    return Panel(Group(*parts), title=name, title_align="left", box=box.ROUNDED, width=width)


def _verdict(judged: Judged) -> Text:
    style = _OWNER_STYLES[judged.verdict.owner]
    text = Text(judged.verdict.sentence, "bold")
    whose = view.owner(judged)
    if whose:
        text.append(f"  [{whose}]", style)
    if judged.verdict.decide:
        text.append("\nwhat would decide it: ", "yellow").append(judged.verdict.decide, "not bold")
    if view.recorded(judged):
        text.append(f"\nrecorded: {view.recorded(judged)}", "not bold cyan")
    return text


def _payload(judged: Judged, width: int) -> Iterator[RenderableType]:
    rows = list(view.rows(judged))
    if not rows:
        return
    indent = max(len(row.name) for row in rows)
    for row in rows:
        line = Text(f"{row.name:<{indent}}  ", "cyan").append(row.digits, "bold white")
        yield line.append(f"  {row.text}" if row.text else "", "default")
        if row.register is not None:
            yield from _bits(row.register, row.value, width)
            yield from (
                Text(f"  {item.field.name}: {item.field.summary}", "green").append(
                    f" = {item.field.means(item.value)}" if item.field.means(item.value) else ""
                )
                for item in row.telling()
            )


def _bits(register: DebugRegister, value: int, width: int) -> Iterator[Table]:
    """Draw the register as boxes, as many rows of them as the width takes."""
    row: list[Cell] = []
    used = 1
    for cell in register.picture(value):
        size = max(map(len, _cell_texts(cell))) + _CELL_PADDING
        if row and used + size > width:
            yield _boxes(register, row)
            row, used = [], 1
        row.append(cell)
        used += size
    yield _boxes(register, row)


def _cell_texts(cell: Cell) -> tuple[str, str, str]:
    bits = cell.high - cell.low + 1
    place = str(cell.high) if bits == 1 else f"{cell.high}-{cell.low}"
    value = f"{cell.value:0{bits}b}" if bits <= _LONGEST_BITS else f"{cell.value:#x}"
    return place, value, cell.name


def _boxes(register: DebugRegister, cells: list[Cell]) -> Table:
    table = Table(box=box.SQUARE, padding=(0, 1), show_lines=False, header_style="dim")
    texts = [_cell_texts(cell) for cell in cells]
    for place, _, _ in texts:
        table.add_column(place, justify="center", no_wrap=True)
    styles = [_style(register, cell) for cell in cells]
    table.add_row(*(Text(value, style) for (_, value, _), style in zip(texts, styles, strict=True)))
    table.add_row(*(Text(name, style) for (_, _, name), style in zip(texts, styles, strict=True)))
    return table


def _style(register: DebugRegister, cell: Cell) -> str:
    field = register.by_name.get(cell.name)
    if field is None:
        return "dim"
    return "bold green" if bool(cell.value) is not field.active_low else "default"


def _code(place: Place) -> Group:
    lines = [Text("in ", "cyan").append(str(place), "bold")]
    for instruction in place.instructions:
        mark = "=>" if instruction.marked else "  "
        text = f"{mark} {instruction.address:#x}  {instruction.code.hex(' '):<24}  {instruction.text}"
        lines.append(Text(text, "bold green" if instruction.marked else "default"))
    return Group(*lines)
