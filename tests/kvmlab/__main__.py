"""``python -m tests.kvmlab [MACHINE...]``: tests/kvm on machines with more of a KVM, and a table of them."""

from __future__ import annotations

import argparse
import shutil
import sys
import time

from tests.kvmlab import cache
from tests.kvmlab.bochs import BOCHS
from tests.kvmlab.cache import LabError
from tests.kvmlab.image import GDB
from tests.kvmlab.local import LOCAL
from tests.kvmlab.machine import Job, Machine, run
from tests.kvmlab.powernv import POWERNV
from tests.kvmlab.qemu import QEMU
from tests.kvmlab.results import problems
from tests.kvmlab.table import Column, notes, table

X86 = (LOCAL, QEMU, BOCHS)
MACHINES = {machine.name: machine for machine in (*X86, POWERNV)}


def main() -> int:
    """Run machines one after the other; 1 if anything is not as it should be."""
    options = _options()
    columns: list[Column] = []
    wrong: list[str] = []
    for machine in [MACHINES[name] for name in options.machines] or X86:
        try:
            column = _column(machine, options)
        except LabError as problem:
            wrong.append(f"{machine.name}: {problem}")
            continue
        columns.append(column)
        wrong += [f"{machine.name}: {text}" for text in problems(column.results, whole=machine.whole)]
    sys.stdout.write(table(columns) + "\n\n" + notes(columns))
    sys.stdout.writelines(f"NOT AS IT SHOULD BE: {text}\n" for text in wrong)
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kvmlab", description=__doc__)
    parser.add_argument(
        "machines", nargs="*", choices=[[], *MACHINES], help="which; all x86 ones if none is named"
    )
    parser.add_argument("-k", dest="select", default="", help="pytest's -k: which tests")
    parser.add_argument("--no-gdb", action="store_true", help="without the tests that drive a gdb")
    return parser.parse_args()


def _column(machine: Machine, options: argparse.Namespace) -> Column:
    folder = cache.folder("runs", machine.name)
    gdb = machine.gdb and not options.no_gdb and shutil.which(GDB) is not None
    sys.stderr.write(f"{machine.title}: output is in {folder}\n")
    begin = time.monotonic()
    select = ("-k", options.select) if options.select else ()
    job = Job(folder, gdb, machine.options + select, machine.patience)
    results = run(machine, job, lambda line: _show(line, begin))
    return Column(machine, results, round(time.monotonic() - begin), gdb)


def _show(line: str, begin: float) -> None:
    sys.stderr.write(f"{time.monotonic() - begin:6.0f} s  {line[:100].rstrip()}\n")


if __name__ == "__main__":
    sys.exit(main())
