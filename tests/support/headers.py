"""What the kernel's headers say, asked of a compiler: sizes, offsets and constants."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.support.tools import need

COMPILERS = {
    "x86": ["gcc"],
    "ppc": ["powerpc-linux-gnu-gcc"],
}
"""The compiler whose headers are an architecture's own."""


def values(compiler: list[str], expressions: Iterable[str], folder: Path) -> dict[str, int]:
    """The value of each C constant expression.

    Read out of the assembly, so that nothing is run: the code may be another machine's.
    """
    need("asking the kernel's headers", compiler[0])
    wanted = list(expressions)
    lines = ["#include <stddef.h>", "#include <linux/kvm.h>"]
    lines += [
        f'void m{i}(void) {{ __asm__("@@{i} %0" : : "i"((long long)({text}))); }}'
        for i, text in enumerate(wanted)
    ]
    source = folder / "values.c"
    source.write_text("\n".join(lines) + "\n")
    assembly = subprocess.run(
        [*compiler, "-O2", "-S", "-w", "-o", "-", str(source)], check=True, capture_output=True, text=True
    ).stdout
    found = {}
    for line in assembly.splitlines():
        head, _, value = line.strip().partition(" ")
        if head.startswith("@@"):
            found[wanted[int(head[2:])]] = int(value.lstrip("$")) & 0xFFFF_FFFF_FFFF_FFFF
    assert len(found) == len(wanted)
    return found
