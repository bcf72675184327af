"""``struct kvm_run``: where an exit's data stands, and every exit by the kernel's name.

Source: Linux ``include/uapi/linux/kvm.h``.  Only what a reader of dumps needs: the header, and the member
of the union that belongs to each exit reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kvmgdb.arch.exits import PayloadField, PayloadForm
from kvmgdb.arch.registers import ByteOrder

EXIT_REASON_OFFSET = 8
UNION_OFFSET = 32
UNION_OFFSET_S390 = 48
"""s390 has two more words (psw_mask, psw_addr) before the union."""
KVM_EXIT_IO = 2
KVM_EXIT_DEBUG = 4
KVM_EXIT_HLT = 5
KVM_EXIT_MMIO = 6
KVM_EXIT_IRQ_WINDOW_OPEN = 7
KVM_EXIT_SHUTDOWN = 8
KVM_EXIT_INTR = 10
KVM_EXIT_SET_TPR = 11
KVM_EXIT_INTERNAL_ERROR = 17
KVM_EXIT_SYSTEM_EVENT = 24
KVM_INTERNAL_ERROR_EMULATION = 1
KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES = 1
HIGHEST_REASON = 63
"""Reasons end at 40 today; more than this is no reason but other bytes."""

Values = Mapping[str, int]
Sentence = Callable[[Values, ByteOrder], str]


@dataclass(frozen=True, slots=True)
class ExitReason:
    """One value of ``exit_reason``."""

    number: int
    name: str
    member: str = ""
    """Its member of the union; empty where it has none."""
    form: PayloadForm | None = None
    sentence: Sentence | str = ""
    """What happened, for people."""

    def tell(self, values: Values, byteorder: ByteOrder) -> str:
        """Say in one sentence what happened."""
        if isinstance(self.sentence, str):
            return self.sentence
        return self.sentence(values, byteorder)


def _form(name: str, *fields: tuple[str, int, int]) -> PayloadForm:
    address = {"phys_addr", "rip", "pc"}
    return PayloadForm(
        name, tuple(PayloadField(f, offset, size, address=f in address) for f, offset, size in fields)
    )


def _io(values: Values, _: ByteOrder) -> str:
    way = "writes to" if values["direction"] else "reads from"
    times = f", {values['count']} times" if values["count"] != 1 else ""
    return f"the guest {way} I/O port {values['port']:#x}, {values['size']} byte(s){times}"


def _mmio(values: Values, byteorder: ByteOrder) -> str:
    length = min(values["len"], 8)
    where = f"{values['len']} byte(s) at guest-physical {values['phys_addr']:#x}, where no memory is"
    if not values["is_write"]:
        return f"the guest reads {where}"
    return f"the guest writes {values['data'].to_bytes(8, byteorder)[:length].hex(' ')} to {where}"


def _fail_entry(values: Values, _: ByteOrder) -> str:
    reason = values["hardware_entry_failure_reason"]
    return f"the processor refused to enter the guest: hardware reason {reason:#x} on cpu {values['cpu']}"


SUBERRORS = {
    1: "KVM_INTERNAL_ERROR_EMULATION: KVM met an instruction it cannot emulate",
    2: "KVM_INTERNAL_ERROR_SIMUL_EX: a second exception came while one was delivered",
    3: "KVM_INTERNAL_ERROR_DELIVERY_EV: an exit came while an event was delivered",
    4: "KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON: the processor left the guest for an unknown reason",
}


def _internal(values: Values, byteorder: ByteOrder) -> str:
    suberror = values["suberror"]
    text = SUBERRORS.get(suberror, f"suberror {suberror}, which this kvmgdb has no name for")
    code = instruction_bytes(values, byteorder)
    return f"KVM gave up: {text}" + (f" ({code.hex(' ')})" if code else "")


def instruction_bytes(values: Values, byteorder: ByteOrder) -> bytes:
    """Take the instruction KVM could not emulate out of an internal error; empty where it has none."""
    if values.get("suberror") != KVM_INTERNAL_ERROR_EMULATION or values.get("ndata", 0) < 3:
        return b""
    if not values.get("data[0]", 0) & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES:
        return b""
    raw = b"".join(values.get(f"data[{i}]", 0).to_bytes(8, byteorder) for i in (1, 2))
    return raw[1 : 1 + min(raw[0], 15)]


SYSTEM_EVENTS = {1: "shutdown", 2: "reset", 3: "crash", 4: "wakeup", 5: "suspend", 6: "SEV termination"}


def _system_event(values: Values, _: ByteOrder) -> str:
    return f"the guest asks for a system event: {SYSTEM_EVENTS.get(values['type'], values['type'])}"


def _hypercall(values: Values, _: ByteOrder) -> str:
    return f"the guest makes hypercall {values['nr']:#x}"


def _msr(values: Values, _: ByteOrder) -> str:
    return f"the guest accesses MSR {values['index']:#x}, which KVM leaves to userspace"


_HW = _form("hw", ("hardware_exit_reason", 0, 8))
_FAIL = _form("fail_entry", ("hardware_entry_failure_reason", 0, 8), ("cpu", 8, 4))
_EX = _form("ex", ("exception", 0, 4), ("error_code", 4, 4))
_IO = _form("io", ("direction", 0, 1), ("size", 1, 1), ("port", 2, 2), ("count", 4, 4), ("data_offset", 8, 8))
_MMIO = _form("mmio", ("phys_addr", 0, 8), ("data", 8, 8), ("len", 16, 4), ("is_write", 20, 1))
_HYPERCALL = _form("hypercall", ("nr", 0, 8), *((f"args[{i}]", 8 + 8 * i, 8) for i in range(6)))
_TPR = _form("tpr_access", ("rip", 0, 8), ("is_write", 8, 4))
_INTERNAL = _form(
    "internal", ("suberror", 0, 4), ("ndata", 4, 4), *((f"data[{i}]", 8 + 8 * i, 8) for i in range(16))
)
_PAPR = _form("papr_hcall", ("nr", 0, 8), ("ret", 8, 8), *((f"args[{i}]", 16 + 8 * i, 8) for i in range(9)))
_EPR = _form("epr", ("epr", 0, 4))
_SYSTEM = _form("system_event", ("type", 0, 4), ("ndata", 4, 4), ("data[0]", 8, 8))
_EOI = _form("eoi", ("vector", 0, 1))
_NISV = _form("arm_nisv", ("esr_iss", 0, 8), ("fault_ipa", 8, 8))
_MSR = _form("msr", ("error", 0, 1), ("reason", 8, 4), ("index", 12, 4), ("data", 16, 8))
_NOTIFY = _form("notify", ("flags", 0, 4))
_SBI = _form("riscv_sbi", ("extension_id", 0, 8), ("function_id", 8, 8))
_CSR = _form("riscv_csr", ("csr_num", 0, 8), ("new_value", 8, 8), ("write_mask", 16, 8))

_SHUTDOWN = "the guest shut down: on x86 a triple fault, or an entry KVM could not survive"

EXIT_REASONS = {
    reason.number: reason
    for reason in (
        ExitReason(0, "KVM_EXIT_UNKNOWN", "hw", _HW, "an exit for a reason KVM has no name for"),
        ExitReason(1, "KVM_EXIT_EXCEPTION", "ex", _EX, "an exception KVM passed on"),
        ExitReason(2, "KVM_EXIT_IO", "io", _IO, _io),
        ExitReason(3, "KVM_EXIT_HYPERCALL", "hypercall", _HYPERCALL, _hypercall),
        ExitReason(4, "KVM_EXIT_DEBUG", "debug"),
        ExitReason(5, "KVM_EXIT_HLT", sentence="the guest halted and waits for an interrupt"),
        ExitReason(6, "KVM_EXIT_MMIO", "mmio", _MMIO, _mmio),
        ExitReason(7, "KVM_EXIT_IRQ_WINDOW_OPEN", sentence="the guest can take an interrupt now"),
        ExitReason(8, "KVM_EXIT_SHUTDOWN", sentence=_SHUTDOWN),
        ExitReason(9, "KVM_EXIT_FAIL_ENTRY", "fail_entry", _FAIL, _fail_entry),
        ExitReason(10, "KVM_EXIT_INTR", sentence="a signal ended the run: nothing happened in the guest"),
        ExitReason(11, "KVM_EXIT_SET_TPR", sentence="the guest lowered its task priority"),
        ExitReason(12, "KVM_EXIT_TPR_ACCESS", "tpr_access", _TPR, "the guest accessed its task priority"),
        ExitReason(13, "KVM_EXIT_S390_SIEIC", "s390_sieic", sentence="an s390 interception"),
        ExitReason(14, "KVM_EXIT_S390_RESET", "s390_reset_flags", sentence="an s390 reset"),
        ExitReason(15, "KVM_EXIT_DCR", "dcr", sentence="the guest accessed a device control register"),
        ExitReason(16, "KVM_EXIT_NMI", sentence="an NMI ended the run"),
        ExitReason(17, "KVM_EXIT_INTERNAL_ERROR", "internal", _INTERNAL, _internal),
        ExitReason(18, "KVM_EXIT_OSI", "osi", sentence="the guest makes an OSI call"),
        ExitReason(19, "KVM_EXIT_PAPR_HCALL", "papr_hcall", _PAPR, _hypercall),
        ExitReason(20, "KVM_EXIT_S390_UCONTROL", "s390_ucontrol", sentence="an s390 ucontrol fault"),
        ExitReason(21, "KVM_EXIT_WATCHDOG", sentence="the guest's watchdog fired"),
        ExitReason(22, "KVM_EXIT_S390_TSCH", "s390_tsch", sentence="an s390 test-subchannel"),
        ExitReason(23, "KVM_EXIT_EPR", "epr", _EPR, "the guest acknowledged an external interrupt"),
        ExitReason(24, "KVM_EXIT_SYSTEM_EVENT", "system_event", _SYSTEM, _system_event),
        ExitReason(25, "KVM_EXIT_S390_STSI", "s390_stsi", sentence="an s390 store-system-information"),
        ExitReason(26, "KVM_EXIT_IOAPIC_EOI", "eoi", _EOI, "the guest ended an interrupt of the I/O APIC"),
        ExitReason(27, "KVM_EXIT_HYPERV", "hyperv", sentence="a Hyper-V call"),
        ExitReason(28, "KVM_EXIT_ARM_NISV", "arm_nisv", _NISV, "an arm64 access KVM could not decode"),
        ExitReason(29, "KVM_EXIT_X86_RDMSR", "msr", _MSR, _msr),
        ExitReason(30, "KVM_EXIT_X86_WRMSR", "msr", _MSR, _msr),
        ExitReason(31, "KVM_EXIT_DIRTY_RING_FULL", sentence="the ring of dirty pages is full"),
        ExitReason(32, "KVM_EXIT_AP_RESET_HOLD", sentence="a processor waits to be started"),
        ExitReason(33, "KVM_EXIT_X86_BUS_LOCK", sentence="the guest took a bus lock"),
        ExitReason(34, "KVM_EXIT_XEN", "xen", sentence="a Xen hypercall"),
        ExitReason(35, "KVM_EXIT_RISCV_SBI", "riscv_sbi", _SBI, "the guest makes an SBI call"),
        ExitReason(36, "KVM_EXIT_RISCV_CSR", "riscv_csr", _CSR, "the guest accessed a CSR"),
        ExitReason(37, "KVM_EXIT_NOTIFY", "notify", _NOTIFY, "the guest ran too long without a window"),
        ExitReason(38, "KVM_EXIT_LOONGARCH_IOCSR", "iocsr_io", sentence="a LoongArch IOCSR access"),
        ExitReason(39, "KVM_EXIT_MEMORY_FAULT", "memory_fault", sentence="a fault KVM leaves to userspace"),
        ExitReason(40, "KVM_EXIT_TDX", "tdx", sentence="a TDX guest asks its host"),
    )
}


def exit_reason(number: int) -> ExitReason:
    """Name an exit reason; one the kernel has added since survives as ``unsupported``."""
    known = EXIT_REASONS.get(number)
    return known or ExitReason(
        number, f"unsupported exit reason {number}", sentence="an exit this kvmgdb does not know"
    )
