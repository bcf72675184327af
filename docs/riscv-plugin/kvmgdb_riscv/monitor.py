"""``monitor privilege``: a command of the plugin's own."""

from __future__ import annotations

from kvmgdb.arch.monitor import MonitorCommand, MonitorTarget
from kvmgdb.errors import RspError
from kvmgdb_riscv import exceptions, paging
from kvmgdb_riscv.variants import NAME


def _privilege(session: MonitorTarget, rest: str) -> str:
    """Say in which mode the guest is, and whether its addresses are translated."""
    guest = session.guest
    if guest.arch.id.name != NAME:
        raise RspError(f"this is for RISC-V, and the guest is {guest.arch.id}")
    mode, satp = guest.backend.read_registers(["priv", "satp"])
    translated = mode != exceptions.MACHINE and paging.is_on(guest.arch.id.variant, satp)
    tables = f"through the page tables of satp {satp:#x}" if translated else "addresses are physical"
    return f"{exceptions.MODES.get(mode, mode)} mode, {tables}"


PRIVILEGE = MonitorCommand("privilege", "the privilege mode of a RISC-V guest", _privilege)
