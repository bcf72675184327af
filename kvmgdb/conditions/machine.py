"""What an expression asks of the guest it is evaluated in."""

from __future__ import annotations

from typing import Protocol


class EvaluationError(Exception):
    """An expression came to no value: the guest stops, and the text says why."""


class Machine(Protocol):
    """A guest that stands at a breakpoint."""

    variables: dict[int, int]
    """The trace-state variables by number; one that is not there is 0."""

    def register(self, number: int) -> int:
        """The value of the register gdb knows by ``number``, unsigned and below 2^64.

        Raises:
            RspError: there is no such register.
        """
        ...

    def read(self, address: int, length: int) -> bytes:
        """So many bytes of memory, all of them; ``address`` is below 2^64.

        Raises:
            MemoryFault: part of the range is not there.
        """
        ...


class PrintingMachine(Machine, Protocol):
    """A guest for which commands may print."""

    def print(self, text: bytes) -> None:
        """Show text to the debugger's user."""
        ...
