"""Where KVM keeps the registers of the PowerPC register files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kvmgdb.arch.kvm import KvmRegister, StateBlock, Struct
from kvmgdb.arch.machine import ReadPhysical
from kvmgdb_ppc import book3s64
from kvmgdb_ppc import kvm_structs as kvm
from kvmgdb_ppc.registers import BOOKE, WITHOUT_FPU
from kvmgdb_ppc.sprs import READ_ONLY, SPRS

REGS, SREGS, DEBUG_INST = "regs", "sregs", "debug_inst"

Get = Callable[[Struct], int]
Put = Callable[[Struct, int], None]


def _one(name: str, number: int) -> StateBlock:
    return StateBlock(name, kvm.KVM_GET_ONE_REG, kvm.KVM_SET_ONE_REG, partial(kvm.OneReg, number))


_FPRS = tuple(_one(f"f{i}", kvm.ONE_REGS["KVM_REG_PPC_FPR0"] + i) for i in range(32))

_BOOK3S_64 = {"dawr0": "DAWR", "dawrx0": "DAWRX", "ciabr": "CIABR"}

BLOCKS = (
    StateBlock(REGS, kvm.KVM_GET_REGS, kvm.KVM_SET_REGS, kvm.kvm_regs),
    StateBlock(SREGS, kvm.KVM_GET_SREGS, kvm.KVM_SET_SREGS, kvm.kvm_sregs),
    *_FPRS,
    _one("fpscr", kvm.ONE_REGS["KVM_REG_PPC_FPSCR"]),
    _one("dar", kvm.ONE_REGS["KVM_REG_PPC_DAR"]),
    _one("dsisr", kvm.ONE_REGS["KVM_REG_PPC_DSISR"]),
    _one("dabr", kvm.ONE_REGS["KVM_REG_PPC_DABR"]),
    *(_one(name, kvm.ONE_REGS[f"KVM_REG_PPC_{known}"]) for name, known in _BOOK3S_64.items()),
    _one(DEBUG_INST, kvm.ONE_REGS["KVM_REG_PPC_DEBUG_INST"]),
)


def _register(block: str, get: Get, put: Put) -> KvmRegister:
    def write(struct: Struct, value: int, _read: ReadPhysical) -> None:
        put(struct, value)

    return KvmRegister(block, get, write)


def _field(block: str, name: str) -> KvmRegister:
    def put(struct: Struct, value: int) -> None:
        setattr(struct, name, value)

    return _register(block, lambda struct: int(getattr(struct, name)), put)


def _element(block: str, part: Callable[[Struct], Struct], index: int) -> KvmRegister:
    def put(struct: Struct, value: int) -> None:
        part(struct)[index] = value

    return _register(block, lambda struct: int(part(struct)[index]), put)


def _value(block: str) -> KvmRegister:
    def put(struct: Struct, value: int) -> None:
        struct.value.value = value

    return _register(block, lambda struct: int(struct.value.value), put)


def _embedded(name: str, field: str = "") -> KvmRegister:
    """A field of ``u.e``; some are written only where ``update_special`` names them."""

    def put(struct: Struct, value: int) -> None:
        setattr(struct.u.e, field or name, value)
        struct.u.e.update_special |= kvm.UPDATE_SPECIAL.get(name, 0)

    return _register(SREGS, lambda struct: int(getattr(struct.u.e, field or name)), put)


def _half(part: Callable[[Struct], Struct], field: str | int, shift: int) -> KvmRegister:
    """32 bits of a 64-bit field, or of an element of an array."""

    def whole(struct: Struct) -> int:
        holder = part(struct)
        return int(holder[field] if isinstance(field, int) else getattr(holder, field))

    def put(struct: Struct, value: int) -> None:
        new = whole(struct) & ~(0xFFFF_FFFF << shift) | value << shift
        if isinstance(field, int):
            part(struct)[field] = new
        else:
            setattr(part(struct), field, new)

    return _register(SREGS, lambda struct: whole(struct) >> shift & 0xFFFF_FFFF, put)


_CORE = (*(f"r{i}" for i in range(32)), "pc", "cr", "ctr", "lr", "xer", "msr")


def _general() -> dict[str, KvmRegister]:
    found = {f"r{i}": _element(REGS, lambda struct: struct.gpr, i) for i in range(32)}
    names = ("pc", "cr", "ctr", "lr", "xer", "msr", "srr0", "srr1", "pid")
    found |= {name: _field(REGS, name) for name in (*names, *(f"sprg{i}" for i in range(8)))}
    return found | {"pvr": _field(SREGS, "pvr")}


def _floats() -> dict[str, KvmRegister]:
    return {name: _value(name) for name in (*(f"f{i}" for i in range(32)), "fpscr")}


def _of_embedded_cores() -> dict[str, KvmRegister]:
    plain = (
        *(
            "csrr0",
            "csrr1",
            "dsrr0",
            "dsrr1",
            "mcsrr0",
            "mcsrr1",
            "esr",
            "dear",
            "ivpr",
            "mcsr",
            "tsr",
            "tcr",
        ),
        *("dec", "dbsr", "pir", "mas0", "mas1", "mas2", "mas4", "mas6"),
    )
    found = {name: _embedded(name) for name in plain}
    found |= {"usprg0": _embedded("usprg0", "vrsave"), "svr": _embedded("svr", "impl_svr")}
    found |= {"hid0": _embedded("hid0", "impl_hid0")}
    arrays = (("dbcr", "dbcr", 0, 3), ("iac", "iac", 1, 4), ("dac", "dac", 1, 2), ("dvc", "dvc", 1, 2))
    for prefix, field, first, count in (*arrays, ("ivor", "ivor_low", 0, 16), ("ivor", "ivor_high", 32, 4)):
        for index in range(count):
            part = partial(_array, field)
            found[f"{prefix}{first + index}"] = _element(SREGS, part, index)
    for name, field, shift in (
        ("mas3", "mas7_3", 0),
        ("mas7", "mas7_3", 32),
        ("tbl", "tb", 0),
        ("tbu", "tb", 32),
    ):
        found[name] = _half(lambda struct: struct.u.e, field, shift)
    return found


def _array(field: str, struct: Struct) -> Struct:
    return getattr(struct.u.e, field)


def _of_classic_cores() -> dict[str, KvmRegister]:
    found = {name: _value(name) for name in ("dar", "dsisr", "dabr")}
    found["sdr1"] = _half(lambda struct: struct.u.s, "sdr1", 0)
    for kind in ("ibat", "dbat"):
        for index in range(4):
            for half, shift in (("u", 32), ("l", 0)):
                part = partial(_bats, kind)
                found[f"{kind}{index}{half}"] = _half(part, index, shift)
    return found


def _bats(kind: str, struct: Struct) -> Struct:
    return getattr(struct.u.s, kind)


def registers(variant: str) -> dict[str, KvmRegister]:
    """Those of the register file of ``ppc:VARIANT`` that KVM gives; the others are not in its interface."""
    chosen = _of_book3s_64() if variant in book3s64.VARIANTS else _of_32_bit_cores(variant)
    return {
        name: KvmRegister(register.block, register.read, None) if name in READ_ONLY else register
        for name, register in chosen.items()
    }


def _of_book3s_64() -> dict[str, KvmRegister]:
    found = _general() | {name: _value(name) for name in ("dar", "dsisr", *_BOOK3S_64)}
    wanted = {*_CORE, *book3s64.SPRS}
    return {name: register for name, register in found.items() if name in wanted} | _floats()


def _of_32_bit_cores(variant: str) -> dict[str, KvmRegister]:
    found = _general() | (_of_embedded_cores() if variant in BOOKE else _of_classic_cores())
    wanted = {*_CORE, *SPRS[variant]}
    chosen = {name: register for name, register in found.items() if name in wanted}
    return chosen if variant in WITHOUT_FPU else chosen | _floats()
