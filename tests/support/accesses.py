"""Single instructions that read or write memory, for every architecture: what watch tests execute."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.machines import Machine

CODE = 0x2000
"""Where the instruction under test is put."""
DATA = 0x4000
"""The address the pointer register is near: the start of a page, so that accesses cross into it."""
WINDOW = range(DATA - 64, DATA + 64)
"""What a test fills, and compares afterwards."""


@dataclass(frozen=True)
class Access:
    """One instruction that accesses memory where the pointer register points."""

    name: str
    code: bytes
    size: int
    """Bytes accessed."""
    write: bool
    read: bool = False

    def __repr__(self) -> str:
        return self.name


def _x86(prefix: str, *, wide: bool, long: bool) -> list[Access]:
    """``prefix`` makes the pointer register EDI; ``wide`` is 16-bit code, where 66 means 32 bits."""
    two, four = ("", "66") if wide else ("66", "")
    rows = [
        ("mov [edi], al", f"{prefix}8807", 1, True, False),
        ("mov [edi], ax", f"{prefix}{two}8907", 2, True, False),
        ("mov [edi], eax", f"{prefix}{four}8907", 4, True, False),
        ("mov al, [edi]", f"{prefix}8a07", 1, False, True),
        ("mov ax, [edi]", f"{prefix}{two}8b07", 2, False, True),
        ("mov eax, [edi]", f"{prefix}{four}8b07", 4, False, True),
        ("add [edi], eax", f"{prefix}{four}0107", 4, True, True),
        ("xadd [edi], eax", f"{prefix}{four}0fc107", 4, True, True),
        ("xchg [edi], eax", f"{prefix}{four}8707", 4, True, True),
        ("add eax, [edi]", f"{prefix}{four}0307", 4, False, True),
        ("mov edi, [edi]", f"{prefix}{four}8b3f", 4, False, True),
    ]
    if not wide:
        rows += [
            ("movups [edi], xmm0", "0f1107", 16, True, False),
            ("movups xmm0, [edi]", "0f1007", 16, False, True),
        ]
    if long:
        rows += [
            ("mov [rdi], rax", "488907", 8, True, False),
            ("mov rax, [rdi]", "488b07", 8, False, True),
        ]
    return [Access(name, bytes.fromhex(code), size, write, read) for name, code, size, write, read in rows]


_POWERPC = [
    Access("stb r3, 0(r4)", bytes.fromhex("98640000"), 1, True),
    Access("sth r3, 0(r4)", bytes.fromhex("b0640000"), 2, True),
    Access("stw r3, 0(r4)", bytes.fromhex("90640000"), 4, True),
    Access("lbz r3, 0(r4)", bytes.fromhex("88640000"), 1, False, True),
    Access("lhz r3, 0(r4)", bytes.fromhex("a0640000"), 2, False, True),
    Access("lwz r3, 0(r4)", bytes.fromhex("80640000"), 4, False, True),
    Access("lwz r4, 0(r4)", bytes.fromhex("80840000"), 4, False, True),
    Access("lwzux r3, r4, r5", bytes.fromhex("7c64286e"), 4, False, True),
    Access("stwux r3, r4, r5", bytes.fromhex("7c64296e"), 4, True),
]
_POWERPC_FLOAT = [
    Access("stfd f3, 0(r4)", bytes.fromhex("d8640000"), 8, True),
    Access("lfd f3, 0(r4)", bytes.fromhex("c8640000"), 8, False, True),
]


def _riscv(*, wide: bool) -> list[Access]:
    """Words, as the manual has them; ``wide`` for the doublewords of RV64."""
    rows = [
        ("sb a1, 0(a0)", 0x00B50023, 1, True),
        ("sh a1, 0(a0)", 0x00B51023, 2, True),
        ("sw a1, 0(a0)", 0x00B52023, 4, True),
        ("lbu a1, 0(a0)", 0x00054583, 1, False),
        ("lhu a1, 0(a0)", 0x00055583, 2, False),
        ("lw a1, 0(a0)", 0x00052583, 4, False),
        ("lw a0, 0(a0)", 0x00052503, 4, False),
        ("c.sw a1, 0(a0)", 0xC10C, 4, True),
        ("c.lw a1, 0(a0)", 0x410C, 4, False),
    ]
    if wide:
        rows += [("sd a1, 0(a0)", 0x00B53023, 8, True), ("ld a1, 0(a0)", 0x00053583, 8, False)]
    rows += [("fsd fa1, 0(a0)", 0x00B53027, 8, True), ("fld fa1, 0(a0)", 0x00053587, 8, False)]
    return [
        Access(name, word.to_bytes(2 if name.startswith("c.") else 4, "little"), size, write, not write)
        for name, word, size, write in rows
    ]


_TABLE = {
    "x86:64": _x86("", wide=False, long=True),
    "x86:32": _x86("", wide=False, long=False),
    "x86:16": _x86("67", wide=True, long=False),
    "ppc:603e": _POWERPC + _POWERPC_FLOAT,
    "ppc:750": _POWERPC + _POWERPC_FLOAT,
    "ppc:7457": _POWERPC + _POWERPC_FLOAT,
    "riscv:rv64": _riscv(wide=True),
    "riscv:rv32": _riscv(wide=False),
}

MSR_FP = 0x2000
MSTATUS_FS = 0x6000

_NOPS = {"x86": b"\x90", "ppc": bytes.fromhex("60000000"), "riscv": bytes.fromhex("0100")}


def accesses(arch: str) -> list[Access]:
    """What ``ARCH:VARIANT`` can do to memory with one instruction."""
    return _TABLE.get(arch, _POWERPC)


def nop(arch: str) -> bytes:
    """An instruction that does nothing."""
    return _NOPS[arch.partition(":")[0]]


def place(machine: Machine, access: Access, address: int) -> None:
    """Make ``access`` to ``address`` the next instruction, with known memory and registers around it."""
    arch = machine.guest.arch
    machine.write(CODE, access.code + nop(arch) * 4)
    machine.write(WINDOW.start, bytes(index * 37 % 251 for index in WINDOW))
    pointer, value = _POINTER_AND_VALUE.get(arch, ("r4", "r3"))
    machine.backend.write_register(pointer, address)
    machine.backend.write_register(value, 0x5A5A_1234)
    if arch.startswith("ppc"):
        # Update forms: the access is to r4 + r5, and r4 becomes that; others take r4 alone.
        machine.backend.write_register("r5", 12)
        machine.backend.write_register("r4", address - 12 if "ux " in access.name else address)
    if access.name.startswith("movups"):
        machine.backend.write_register("xmm0", int.from_bytes(bytes(range(0xA0, 0xB0)), "little"))
    if access in _POWERPC_FLOAT:
        machine.backend.write_register("msr", MSR_FP)
        machine.backend.write_register("f3", 0x4012_3456_789A_BCDE)
    if access.name.startswith(("fsd", "fld")):
        machine.backend.write_register("mstatus", MSTATUS_FS)
        machine.backend.write_register("fa1", 0x4012_3456_789A_BCDE)
    machine.backend.write_register(machine.pc_register, CODE)


_POINTER_AND_VALUE = {
    "x86:64": ("rdi", "rax"),
    "x86:32": ("edi", "eax"),
    "x86:16": ("edi", "eax"),
    "riscv:rv64": ("a0", "a1"),
    "riscv:rv32": ("a0", "a1"),
}

_LOOPS = {
    "x86:64": ("0107 e2fc", "rdi", "rax", "rcx"),  # add [rdi], eax; loop
    "x86:32": ("0107 e2fc", "edi", "eax", "ecx"),
    "x86:16": ("67660107 e2fa", "edi", "eax", "ecx"),
    "riscv:rv64": ("03250500 9385f5ff e39c05fe", "a0", "a2", "a1"),  # lw a0, 0(a0); addi a1, a1, -1; bnez
    "riscv:rv32": ("03250500 9385f5ff e39c05fe", "a0", "a2", "a1"),
}
_POWERPC_LOOP = ("80840000 4200fffc", "r4", "r3", "ctr")  # lwz r4, 0(r4); bdnz


def place_loop(machine: Machine, times: int) -> int:
    """Make the next instructions a loop over :data:`DATA` that counts its rounds; the address behind it.

    x86 adds 1 to memory in each round; the others go from one node of a list to the next.
    """
    code, pointer, one, count = _LOOPS.get(machine.guest.arch, _POWERPC_LOOP)
    machine.write(CODE, bytes.fromhex(code) + nop(machine.guest.arch) * 4)
    for name, value in ((pointer, DATA), (one, 1), (count, times), (machine.pc_register, CODE)):
        machine.backend.write_register(name, value)
    order = machine.arch.registers.byteorder
    nodes = b"".join((DATA + 4 * (index + 1)).to_bytes(4, order) for index in range(times + 1))
    machine.write(DATA, bytes(4) if machine.guest.is_x86 else nodes)
    return CODE + len(bytes.fromhex(code))


def loop_result(machine: Machine) -> int:
    """How many rounds the loop has done."""
    if machine.guest.is_x86:
        return int.from_bytes(machine.read(DATA, 4), "little")
    pointer, _ = _POINTER_AND_VALUE.get(machine.guest.arch, ("r4", "r3"))
    return (machine.register(pointer) - DATA) // 4
