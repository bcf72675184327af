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

_TABLE = {
    "x86:64": _x86("", wide=False, long=True),
    "x86:32": _x86("", wide=False, long=False),
    "x86:16": _x86("67", wide=True, long=False),
    "ppc:603e": _POWERPC + _POWERPC_FLOAT,
    "ppc:750": _POWERPC + _POWERPC_FLOAT,
    "ppc:7457": _POWERPC + _POWERPC_FLOAT,
}

MSR_FP = 0x2000


def accesses(arch: str) -> list[Access]:
    """What ``ARCH:VARIANT`` can do to memory with one instruction."""
    return _TABLE.get(arch, _POWERPC)


def nop(arch: str) -> bytes:
    """An instruction that does nothing."""
    return b"\x90" if arch.startswith("x86") else bytes.fromhex("60000000")


def place(machine: Machine, access: Access, address: int) -> None:
    """Make ``access`` to ``address`` the next instruction, with known memory and registers around it."""
    arch = machine.guest.arch
    machine.write(CODE, access.code + nop(arch) * 4)
    machine.write(WINDOW.start, bytes(index * 37 % 251 for index in WINDOW))
    names = {"x86:64": ("rdi", "rax"), "x86:32": ("edi", "eax"), "x86:16": ("edi", "eax")}
    pointer, value = names.get(arch, ("r4", "r3"))
    machine.backend.write_register(pointer, address)
    machine.backend.write_register(value, 0x5A5A_1234)
    if not arch.startswith("x86"):
        # Update forms: the access is to r4 + r5, and r4 becomes that; others take r4 alone.
        machine.backend.write_register("r5", 12)
        machine.backend.write_register("r4", address - 12 if "ux " in access.name else address)
    if access.name.startswith("movups"):
        machine.backend.write_register("xmm0", int.from_bytes(bytes(range(0xA0, 0xB0)), "little"))
    if access in _POWERPC_FLOAT:
        machine.backend.write_register("msr", MSR_FP)
        machine.backend.write_register("f3", 0x4012_3456_789A_BCDE)
    machine.backend.write_register(machine.pc_register, CODE)


_LOOPS = {
    "x86:64": ("0107 e2fc", "rdi", "rax", "rcx"),  # add [rdi], eax; loop
    "x86:32": ("0107 e2fc", "edi", "eax", "ecx"),
    "x86:16": ("67660107 e2fa", "edi", "eax", "ecx"),
}
_POWERPC_LOOP = ("80840000 4200fffc", "r4", "r3", "ctr")  # lwz r4, 0(r4); bdnz


def place_loop(machine: Machine, times: int) -> int:
    """Make the next instructions a loop over :data:`DATA` that counts its rounds; the address behind it.

    x86 adds 1 to memory in each round; PowerPC goes from one node of a list to the next.
    """
    code, pointer, one, count = _LOOPS.get(machine.guest.arch, _POWERPC_LOOP)
    machine.write(CODE, bytes.fromhex(code) + nop(machine.guest.arch) * 4)
    for name, value in ((pointer, DATA), (one, 1), (count, times), (machine.pc_register, CODE)):
        machine.backend.write_register(name, value)
    nodes = b"".join((DATA + 4 * (index + 1)).to_bytes(4, "big") for index in range(times + 1))
    machine.write(DATA, bytes(4) if machine.guest.is_x86 else nodes)
    return CODE + len(bytes.fromhex(code))


def loop_result(machine: Machine) -> int:
    """How many rounds the loop has done."""
    if machine.guest.is_x86:
        return int.from_bytes(machine.read(DATA, 4), "little")
    return (machine.register("r4") - DATA) // 4
