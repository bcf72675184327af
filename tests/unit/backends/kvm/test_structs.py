"""Structures, held by size and by the place of every field against the kernel's headers."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from kvmgdb.arch import kvm_run as dump
from kvmgdb.backends.kvm import structs
from kvmgdb_ppc import kvm_structs as ppc
from kvmgdb_x86 import kvm_structs as x86
from tests.support import headers

COMMON = (structs.kvm_userspace_memory_region, structs.kvm_enable_cap, structs.kvm_mp_state)
OF_X86 = (
    *(x86.kvm_regs, x86.kvm_segment, x86.kvm_dtable, x86.kvm_sregs, x86.kvm_debugregs, x86.kvm_msr_entry),
    *(x86.kvm_cpuid_entry2, x86.kvm_guest_debug_arch, x86.kvm_debug_exit_arch, x86.kvm_pit_config),
    x86.kvm_sync_regs,
)
OF_PPC = (ppc.kvm_regs, ppc.kvm_sregs, ppc.kvm_one_reg, ppc.kvm_translation, ppc.kvm_guest_debug_arch)
OPEN_ENDED = ((x86.kvm_msrs, "entries"), (x86.kvm_cpuid2, "entries"), (structs.kvm_signal_mask, "sigset"))
"""Structures that end in as many elements as there are."""


def _layout(struct: type[ctypes.Structure]) -> dict[str, int]:
    name = struct.__name__
    fields = {f"offsetof(struct {name}, {f[0]})": getattr(struct, f[0]).offset for f in struct._fields_}
    return {f"sizeof(struct {name})": ctypes.sizeof(struct), **fields}


@pytest.mark.parametrize(("arch", "structures"), [("x86", COMMON + OF_X86), ("ppc", COMMON + OF_PPC)])
def test_sizes_and_offsets(arch: str, structures: tuple[type[ctypes.Structure], ...], tmp_path: Path) -> None:
    expected: dict[str, int] = {}
    for struct in structures:
        expected |= _layout(struct)
    assert headers.values(headers.COMPILERS[arch], expected, tmp_path) == expected


def test_structures_that_end_in_an_array(tmp_path: Path) -> None:
    expected = {
        f"offsetof(struct {struct.__name__}, {last})": getattr(struct, last).offset
        for struct, last in OPEN_ENDED
    }
    assert headers.values(["gcc"], expected, tmp_path) == expected


def test_events(tmp_path: Path) -> None:
    """Our ``triple_fault_pending`` is a structure of one byte there."""
    events = x86.kvm_vcpu_events
    expected = {"sizeof(struct kvm_vcpu_events)": ctypes.sizeof(events)}
    names = ("exception", "interrupt", "nmi", "sipi_vector", "flags", "smi", "reserved")
    for name in (*names, "exception_has_payload", "exception_payload"):
        expected[f"offsetof(struct kvm_vcpu_events, {name})"] = getattr(events, name).offset
    expected["offsetof(struct kvm_vcpu_events, triple_fault)"] = events.triple_fault_pending.offset
    expected["offsetof(struct kvm_vcpu_events, exception.pending)"] = 3
    assert headers.values(["gcc"], expected, tmp_path) == expected


def test_xsave(tmp_path: Path) -> None:
    expected = {"sizeof(struct kvm_xsave)": ctypes.sizeof(x86.kvm_xsave)}
    assert headers.values(["gcc"], expected, tmp_path) == expected
    # SDM vol. 1, "Layout of the FXSAVE Map", "XSAVE Header".
    places = {"mxcsr": 24, "st": 32, "xmm": 160, "xstate_bv": 512}
    assert {name: getattr(x86.kvm_xsave, name).offset for name in places} == places


@pytest.mark.parametrize("arch", ["x86", "ppc"])
def test_the_shared_page(arch: str, tmp_path: Path) -> None:
    run = structs.kvm_run
    union = {"io": run.io.offset, "mmio": run.mmio.offset, "debug": dump.UNION_OFFSET}
    plain = ("immediate_exit", "exit_reason", "ready_for_interrupt_injection", "if_flag", "flags", "cr8")
    places = union | {name: getattr(run, name).offset for name in plain}
    expected = {f"offsetof(struct kvm_run, {name})": place for name, place in places.items()}
    for member, struct in (("io", structs.io), ("mmio", structs.mmio)):
        for field, *_ in struct._fields_:
            inside = getattr(struct, field).offset
            expected[f"offsetof(struct kvm_run, {member}.{field})"] = run.io.offset + inside
    expected["sizeof(((struct kvm_run *)0)->padding)"] = structs.EXIT_UNION_SIZE
    assert headers.values(headers.COMPILERS[arch], expected, tmp_path) == expected


PPC_NAMES = {"impl_features": "impl.fsl.features", "impl_svr": "impl.fsl.svr", "impl_mcar": "impl.fsl.mcar"}
PPC_NAMES |= {"slb": "ppc64.slb", "sr": "ppc32.sr", "ibat": "ppc32.ibat", "dbat": "ppc32.dbat"}
PPC_NAMES |= {f"impl_{name}": f"impl.fsl.{name}" for name in ("hid0", "pid1", "pid2")}


def test_the_special_registers_of_powerpc(tmp_path: Path) -> None:
    """Every field of the embedded and of the classic cores' part."""
    start = ppc.kvm_sregs.u.offset
    expected: dict[str, int] = {}
    for path, struct in (("u.e", ppc._e), ("u.s", ppc._s)):
        for name, *_ in struct._fields_:
            if name != "impl_rest":
                field = f"{path}.{PPC_NAMES.get(name, name)}"
                expected[f"offsetof(struct kvm_sregs, {field})"] = start + getattr(struct, name).offset
    assert headers.values(headers.COMPILERS["ppc"], expected, tmp_path) == expected


def test_one_reg_ids_of_powerpc(tmp_path: Path) -> None:
    assert headers.values(headers.COMPILERS["ppc"], ppc.ONE_REGS, tmp_path) == ppc.ONE_REGS


def test_what_must_be_asked_for_to_be_written(tmp_path: Path) -> None:
    expected = {f"KVM_SREGS_E_UPDATE_{name.upper()}": bit for name, bit in ppc.UPDATE_SPECIAL.items()}
    assert headers.values(headers.COMPILERS["ppc"], expected, tmp_path) == expected
