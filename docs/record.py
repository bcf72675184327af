"""Record the gdb sessions of pages anew: ``python docs/record.py README.md docs/tutorial-x86.md``.

Run it from the repository's root, with the Python that has kvmgdb and the tests' requirements.  Every session
that ``tests/gdb/test_pages.py`` holds to the program is played on a terminal; answers that still say what is
shown stay as they are, with what they leave out, and the others are written anew.
"""

from __future__ import annotations

import re
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support import pages
from tests.support.terminal import Terminal

BLOCK = re.compile(r"(?<=^```text\n)(?:\$ kvmgdb serve --gdb|\(gdb\) (?!target)).*?(?=^```)", re.M | re.S)


class Recorder:
    """One page's sessions, the last of which is still open: a block may go on with it."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._terminal: Terminal | None = None

    def __call__(self, block: re.Match[str]) -> str:
        """The text of a block as it is now."""
        lines = block[0].splitlines()
        kept: list[str] = []
        if lines[0].startswith(pages.STARTS):
            kept.append(lines.pop(0))
            self.close()
            home = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
            self._terminal = self._open.enter_context(pages.gdb_session(kept[0], home))
            kept += self._answer("", pages.commands(lines)[0][1])
        for command, told in pages.commands(lines)[1:]:
            kept += [f"{pages.PROMPT}{command}", *self._answer(command, told)]
        return "".join(f"{line}\n" for line in kept)

    def _answer(self, command: str, told: list[str]) -> list[str]:
        if self._terminal is None:
            raise ValueError(f"a page begins with a session, not with its middle: {command}")
        shown = pages.say(self._terminal, command)
        is_left_out = not command and not told
        return told if is_left_out or pages.is_told(shown, told) else shown

    def close(self) -> None:
        """End the session."""
        self._open.close()


def main() -> None:
    """Write the pages that are named."""
    for page in sys.argv[1:]:
        recorder = Recorder()
        file = pages.ROOT / page
        try:
            file.write_text(BLOCK.sub(recorder, file.read_text("utf-8")), "utf-8")
        finally:
            recorder.close()


if __name__ == "__main__":
    main()
