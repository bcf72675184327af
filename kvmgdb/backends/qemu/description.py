"""What QEMU's target description says of its registers (GDB manual, "Target Description Format")."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple
from xml.etree import ElementTree

from kvmgdb.errors import BackendError


class Place(NamedTuple):
    """One register of QEMU's."""

    number: int
    size: int
    """Bytes."""


def registers(read: Callable[[str], bytes]) -> dict[str, Place]:
    """Name -> place, in the order of the numbers; ``read`` gives the document of an annex.

    A name that comes twice (PowerPC's ``lr``, among the SPRs) is that of the first.
    """
    found: dict[str, Place] = {}
    number = 0
    for element in _elements(read, "target.xml"):
        number = int(element.get("regnum", number))
        found.setdefault(element.get("name", ""), Place(number, int(element.get("bitsize", "0")) // 8))
        number += 1
    return dict(sorted(found.items(), key=lambda item: item[1].number))


def _elements(read: Callable[[str], bytes], annex: str) -> Iterator[ElementTree.Element]:
    # The document is QEMU's own: the prefix of an include need not be declared in it.
    text = read(annex).decode("utf-8").replace("xi:include", "include")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - of our child, and expat limits expansions
    except ElementTree.ParseError as problem:
        raise BackendError(f"QEMU's target description {annex} cannot be read: {problem}") from problem
    for element in root.iter():
        if element.tag == "include":
            yield from _elements(read, element.get("href", ""))
        elif element.tag == "reg":
            yield element
