"""Draw the pictures of this folder anew: what a terminal really shows, as SVG, and a report in a browser.

``python docs/pictures/record.py`` from the repository's root runs each command in a terminal of its own and
draws its output; a picture of a terminal that nothing has changed stays the same file.  Then it runs the lab
of the README and takes the picture of its report; the README shows what that run prints.
"""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
COLUMNS, ROWS = 100, 50
REPORT_SIZE = "1000,1060"
"""Width and height of the report's picture, in pixels."""

EXIT = "{exception = 1, pad = 0, pc = 0x1001f4, dr6 = 0xffff0ff1, dr7 = 0xd0602}"
GUESTS = "plugins/x86/kvmgdb_x86/guests"

PICTURES = {
    "inspect-exit.svg": f"kvmgdb inspect-exit --image {GUESTS}/sample64.elf '{EXIT}'",
}
"""File -> the command it shows."""


def output_of(command: str) -> str:
    """What a command writes to a terminal, colours and all."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(COLUMNS=str(COLUMNS), LINES=str(ROWS), TERM="xterm-256color", COLORTERM="truecolor")
        os.execvp("sh", ["sh", "-c", command])  # noqa: S606, S607 - the commands are the table's
    parts = []
    try:
        while part := os.read(terminal, 1 << 16):
            parts.append(part)
    except OSError:  # the terminal of a command that has ended
        pass
    os.waitpid(pid, 0)
    return b"".join(parts).decode("utf-8").replace("\r\n", "\n")


def draw(name: str, command: str) -> None:
    """Run ``command`` and write the picture ``name``."""
    shown = " ".join(shlex.split(command)[:2])
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(width=COLUMNS, record=True, file=nowhere, force_terminal=True)
        console.print(Text(f"$ {command}", "bold"))
        console.print(Text.from_ansi(output_of(command).rstrip()))
        console.save_svg(str(HERE / name), title=shown, unique_id=Path(name).stem)


def photograph(name: str, lab: str) -> None:
    """Run a lab and take a picture of its report, as a browser shows it."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.html")
        run = ["kvmgdb", "lab", "run", lab, "--html", str(report)]
        browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options = [f"--window-size={REPORT_SIZE}", f"--screenshot={HERE / name}"]
        subprocess.run(run, check=True)  # noqa: S603 - the table's lab
        subprocess.run([*browser, *options, report.as_uri()], check=True, capture_output=True)  # noqa: S603


def main() -> None:
    """Draw all of them."""
    for name, command in PICTURES.items():
        draw(name, command)
    photograph("lab-report.png", "configs/course-lab.yaml")


if __name__ == "__main__":
    main()
