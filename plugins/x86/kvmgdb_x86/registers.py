"""The x86 register files, with gdb's numbers.

Numbers 0 up to mxcsr are gdb's own (``amd64-tdep.h``, ``i386-tdep.h``); what follows is numbered here and
gdb learns it from the target XML.  ``org.kvmgdb.x86.system`` holds what QEMU's stub does not show:
segment bases and limits, control and debug registers, descriptor-table registers, MSRs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

from kvmgdb.arch.registers import (
    Feature,
    FlagField,
    FlagsType,
    ModeName,
    Register,
    RegisterFile,
    RegisterType,
    UnionType,
    VectorType,
)

CORE = "org.gnu.gdb.i386.core"
SSE = "org.gnu.gdb.i386.sse"
SEGMENTS = "org.gnu.gdb.i386.segments"
SYSTEM = "org.kvmgdb.x86.system"

GENERAL_64 = (
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
GENERAL_32 = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
SELECTORS = ("cs", "ss", "ds", "es", "fs", "gs")
FPU_CONTROL = ("fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop")
_POINTERS = {"rsp": "data_ptr", "rbp": "data_ptr", "esp": "data_ptr", "ebp": "data_ptr"}


def _bits(names: str) -> tuple[FlagField, ...]:
    """``"CF:0 IOPL:12-13"`` -> fields."""
    fields = []
    for item in names.split():
        name, _, place = item.partition(":")
        first, _, last = place.partition("-")
        fields.append(FlagField(name, int(first), int(last or first)))
    return tuple(fields)


# SDM vol. 1, "EFLAGS Register"; vol. 3, "Control Registers", "Debug Registers", "Extended Feature Enable".
EFLAGS = FlagsType(
    "i386_eflags",
    4,
    _bits(
        "CF:0 PF:2 AF:4 ZF:6 SF:7 TF:8 IF:9 DF:10 OF:11 IOPL:12-13 NT:14 RF:16 VM:17 AC:18 VIF:19 "
        "VIP:20 ID:21"
    ),
)
MXCSR = FlagsType(
    "i386_mxcsr",
    4,
    _bits("IE:0 DE:1 ZE:2 OE:3 UE:4 PE:5 DAZ:6 IM:7 DM:8 ZM:9 OM:10 UM:11 PM:12 RC:13-14 FZ:15"),
)
_CR0 = "PE:0 MP:1 EM:2 TS:3 ET:4 NE:5 WP:16 AM:18 NW:29 CD:30 PG:31"
_CR4 = (
    "VME:0 PVI:1 TSD:2 DE:3 PSE:4 PAE:5 MCE:6 PGE:7 PCE:8 OSFXSR:9 OSXMMEXCPT:10 UMIP:11 LA57:12 VMXE:13 "
    "SMXE:14 FSGSBASE:16 PCIDE:17 OSXSAVE:18 SMEP:20 SMAP:21 PKE:22"
)
_EFER = "SCE:0 LME:8 LMA:10 NXE:11 SVME:12 FFXSR:14"
_DR6 = "B0:0 B1:1 B2:2 B3:3 BLD:11 BD:13 BS:14 BT:15 RTM:16"
_DR7 = (
    "L0:0 G0:1 L1:2 G1:3 L2:4 G2:5 L3:6 G3:7 LE:8 GE:9 RTM:11 GD:13 "
    "RW0:16-17 LEN0:18-19 RW1:20-21 LEN1:22-23 RW2:24-25 LEN2:26-27 RW3:28-29 LEN3:30-31"
)

MSRS = frozenset({"efer", "k_gs_base", "star", "lstar", "sfmask", "pat"})
"""64 bits in every mode (SDM vol. 4, "Model-Specific Registers")."""

_VECTOR_TYPES: tuple[RegisterType, ...] = (
    VectorType("v4f", "ieee_single", 4),
    VectorType("v2d", "ieee_double", 2),
    VectorType("v16i8", "int8", 16),
    VectorType("v8i16", "int16", 8),
    VectorType("v4i32", "int32", 4),
    VectorType("v2i64", "int64", 2),
    UnionType(
        "vec128",
        (
            ("v4_float", "v4f"),
            ("v2_double", "v2d"),
            ("v16_int8", "v16i8"),
            ("v8_int16", "v8i16"),
            ("v4_int32", "v4i32"),
            ("v2_int64", "v2i64"),
            ("uint128", "uint128"),
        ),
    ),
)


_CR0_PE, _EFER_LMA, _EFLAGS_VM = 1 << 0, 1 << 10, 1 << 17


def _mode(cr0: int, efer: int, eflags: int, cs: int) -> str:
    """The processor's mode (SDM vol. 3, "Modes of Operation") and privilege level."""
    if not cr0 & _CR0_PE:
        return "real mode"
    if efer & _EFER_LMA:
        return f"long mode, ring {cs & 3}"
    if eflags & _EFLAGS_VM:
        return "virtual-8086 mode"
    return f"protected mode, ring {cs & 3}"


MODE = ModeName(("cr0", "efer", "eflags", "cs"), _mode)


def register_file(variant: str) -> RegisterFile:
    """The register file of ``x86:variant``.

    gdb cannot follow a layout that changes within a session, so it is the variant's throughout: a guest
    of ``x86:16`` or ``x86:32`` that enters long mode shows the low halves.
    """
    return _file_64() if variant == "64" else _file_32(*_NAMES_32[variant])


_NAMES_32 = {
    "32": ("i386", "i386-unknown-unknown"),
    "16": ("i8086", "i386-unknown-unknown-code16"),
}
"""Variant -> gdb's name and LLVM's."""


def _file_64() -> RegisterFile:
    numbers = count()
    return RegisterFile(
        architecture="i386:x86-64",
        triple="x86_64-unknown-unknown",
        byteorder="little",
        features=(
            Feature(CORE, tuple(_core(GENERAL_64, "rip", 64, numbers)), (EFLAGS,)),
            Feature(SSE, tuple(_sse(16, numbers)), (*_VECTOR_TYPES, MXCSR)),
            Feature(SEGMENTS, tuple(_system(("fs_base", "gs_base"), 64, numbers)), bulk=False),
            _system_feature(64, numbers),
        ),
        pc="rip",
        sp="rsp",
        mode=MODE,
        expedited=("rbp", "rsp", "rip", "eflags"),
    )


def _file_32(architecture: str, triple: str) -> RegisterFile:
    numbers = count()
    return RegisterFile(
        architecture=architecture,
        triple=triple,
        byteorder="little",
        features=(
            Feature(CORE, tuple(_core(GENERAL_32, "eip", 32, numbers)), (EFLAGS,)),
            Feature(SSE, tuple(_sse(8, numbers)), (*_VECTOR_TYPES, MXCSR)),
            _system_feature(32, numbers),
        ),
        pc="eip",
        sp="esp",
        mode=MODE,
        expedited=("esp", "ebp", "eip", "eflags"),
    )


def _core(general: Iterable[str], pc: str, bits: int, numbers: Iterator[int]) -> Iterator[Register]:
    word = f"int{bits}"
    for name in general:
        yield Register(name, bits, next(numbers), _POINTERS.get(name, word))
    yield Register(pc, bits, next(numbers), "code_ptr")
    yield Register("eflags", 32, next(numbers), EFLAGS.id)
    for name in SELECTORS:
        yield Register(name, 32, next(numbers), "int32")
    for index in range(8):
        yield Register(f"st{index}", 80, next(numbers), "i387_ext", "float")
    for name in FPU_CONTROL:
        yield Register(name, 32, next(numbers), "int", "float")


def _sse(registers: int, numbers: Iterator[int]) -> Iterator[Register]:
    for index in range(registers):
        yield Register(f"xmm{index}", 128, next(numbers), "vec128", "vector")
    yield Register("mxcsr", 32, next(numbers), MXCSR.id, "vector")


def _system(names: Iterable[str], bits: int, numbers: Iterator[int]) -> Iterator[Register]:
    for name in names:
        yield Register(name, bits, next(numbers), f"int{bits}", "system")


def _system_feature(bits: int, numbers: Iterator[int]) -> Feature:
    """Everything a program does not see.  ``fs_base`` and ``gs_base`` are gdb's own on 64 bits only."""
    flags = {
        name: FlagsType(f"{name}_flags", (64 if name in MSRS else bits) // 8, _bits(fields))
        for name, fields in (("cr0", _CR0), ("cr4", _CR4), ("efer", _EFER), ("dr6", _DR6), ("dr7", _DR7))
    }
    bases = ("cs_base", "ss_base", "ds_base", "es_base") + (() if bits == 64 else ("fs_base", "gs_base"))
    plain = (
        *bases, "gdtr_base", "gdtr_limit", "idtr_base", "idtr_limit", "ldtr", "ldtr_base", "tr", "tr_base",
        "cr0", "cr2", "cr3", "cr4", "cr8", "efer", "dr0", "dr1", "dr2", "dr3", "dr6", "dr7",
        "k_gs_base", "star", "lstar", "sfmask", "pat",
    )  # fmt: skip
    sizes = {name: 64 if name in MSRS else bits for name in plain}
    registers = tuple(
        Register(name, size, next(numbers), flags[name].id if name in flags else f"int{size}", "system")
        for name, size in sizes.items()
    )
    return Feature(SYSTEM, registers, tuple(flags.values()), bulk=False)
