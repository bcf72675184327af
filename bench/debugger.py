"""What gdb's user waits for: a real gdb on each server in turn.

gdb brings its own time along, which is the same for every server: the ratios say less than those of the raw
protocol, and what a user feels.  gdb measures itself, in its own Python, so that its start does not count.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.client import ProtocolError
from bench.guests import BASE, Guest
from bench.works import Figures, Scale, Session

GDB = "gdb-multiarch"
SOURCE = Path(__file__).with_name("turns.S")

TURNS = BASE + 0x9000
"""Where the turns are loaded, over no-ops nobody executes; a multiple of what either needs."""

LIMIT_SECONDS = 120

_COMPILERS = {"x86": "gcc", "ppc": "powerpc-linux-gnu-gcc"}

_SCRIPT = """
import json, time, gdb
figures = {}
def timed(key, amount, command):
    start = time.perf_counter()
    gdb.execute(command, to_string=True)
    figures[key] = amount(time.perf_counter() - start)
gdb.execute("load", to_string=True)
gdb.execute("set var $pc = turns", to_string=True)
for _ in range(2):
    gdb.execute("next", to_string=True)  # onto the line with the turns
timed("gdb_next", lambda seconds: 1e3 * seconds, "next")
if int(gdb.parse_and_eval(COUNTER)) != 0:
    raise gdb.GdbError("the turns were not all made")
for key, command in BULK.items():
    try:
        timed(key, lambda seconds: AREA / seconds / 1e6, command)
    except gdb.MemoryError:
        break  # a native program has no such area
print("FIGURES " + json.dumps(figures))
"""


def compiler(guest: Guest) -> str:
    """What makes the turns."""
    return _COMPILERS[guest.arch]


def debugger_works(session: Session, scale: Scale) -> Figures:
    """``next`` over a thousand turns, ``dump`` and ``find`` over much memory.  The client leaves for gdb.

    Raises:
        ProtocolError: gdb did not do it; the text has its last line.
    """
    if not session.real:
        return {}
    client, guest = session.client, session.guest
    for tool in (GDB, compiler(guest)):
        if shutil.which(tool) is None:
            raise ProtocolError(f"gdb's works need {tool}, which is not installed")
    is_64 = b"x86-64" in client.ask(b"qXfer:features:read:target.xml:0,400")
    address = client.address
    client.close()
    with TemporaryDirectory(prefix="kvmgdb-bench-") as directory:
        folder = Path(directory)
        program = _compile(guest, is_64, folder / "turns.elf")
        script = folder / "works.py"
        script.write_text(_script(guest, folder / "dump", scale.area), "utf-8")
        return _run_gdb(guest, program, address, script)


def _compile(guest: Guest, is_64: bool, program: Path) -> Path:
    width = [] if guest.arch == "ppc" else ["-m64" if is_64 else "-m32"]
    flags = ["-g", "-nostdlib", "-static", "-no-pie", f"-Wl,-Ttext={TURNS:#x},--build-id=none"]
    subprocess.run(
        [compiler(guest), *width, *flags, "-Wl,-eturns", "-o", str(program), str(SOURCE)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return program


def _script(guest: Guest, dump: Path, area: int) -> str:
    bulk = {
        "gdb_dump": f"dump binary memory {dump} {BASE:#x} {BASE + area:#x}",
        "gdb_find": f"find /b {BASE:#x}, +{area:#x}, 0xde, 0xad, 0xbe, 0xef, 0xfa, 0xce, 0xca, 0xfe",
    }
    counter = "$ecx" if guest.arch == "x86" else "$ctr"
    return f"COUNTER, AREA, BULK = {counter!r}, {area}, {bulk!r}\n{_SCRIPT}"


def _run_gdb(guest: Guest, program: Path, address: str, script: Path) -> Figures:
    commands = ["set confirm off", "set pagination off", f"set remotetimeout {LIMIT_SECONDS}"]
    commands += [f"set endian {guest.byteorder}", f"target remote {address}", f"source {script}"]
    done = subprocess.run(
        [GDB, "-q", "-nx", "-batch", str(program), *(word for c in commands for word in ("-ex", c))],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith("FIGURES "):
            figures: Figures = json.loads(line.removeprefix("FIGURES "))
            return figures
    raise ProtocolError(f"gdb: {(done.stderr.strip().splitlines() or ['said nothing'])[-1]}")
