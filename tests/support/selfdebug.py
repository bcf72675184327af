"""The guests with a debugger of their own, and how a test finds its way in them."""

from __future__ import annotations

from tests.support.guests import PLUGINS, SampleGuest
from tests.support.serve import Serve

ALL = ("x86:64", "ppc:440", "ppc:e500v1", "ppc:e500mc", "ppc:603e", "ppc:750", "ppc:7457")
"""Every variant the proof is whole on.  The emulator's e500v2 has no MMU, and so no TLB errors."""
ONE_OF_EACH_KIND = ("x86:64", "ppc:440", "ppc:750")
"""x86, and PowerPC with BookE's debug facility and with the classic one."""


def proof(arch: str) -> SampleGuest:
    """The self-debugging guest of ``ARCH:VARIANT``."""
    name = arch.partition(":")[0]
    file = "selfdebug64.elf" if name == "x86" else "selfdebug.elf"
    return SampleGuest(arch, PLUGINS / name / f"kvmgdb_{name}" / "guests" / file)


def assert_all_passed(console: str) -> None:
    """The guest came to its end, and every line of it is a PASS."""
    lines = [line for line in console.splitlines() if line.startswith(("PASS ", "FAIL ", "selfdebug: "))]
    assert [line for line in lines if line.startswith("FAIL")] == []
    assert len(lines) > 10
    assert lines[-1] == f"selfdebug: {len(lines) - 1} passed, 0 failed"


def console(serve: Serve) -> str:
    """What the guest has printed, once it is at its end."""
    return serve.wait_for_error_text("selfdebug: ")
