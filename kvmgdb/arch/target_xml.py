"""The target description (GDB manual, "Target Description Format"), from a register file.

LLDB reads it too, with attributes of its own that gdb passes over: ``generic`` and DWARF's numbers (LLDB's
"GDB Remote Protocol Extensions", "qRegisterInfo").
"""

from __future__ import annotations

from html import escape

from kvmgdb.arch.registers import Feature, FlagsType, RegisterFile, RegisterType, VectorType


def target_xml(registers: RegisterFile) -> str:
    """``target.xml`` for ``qXfer:features:read``."""
    lines = [
        '<?xml version="1.0"?>',
        '<!DOCTYPE target SYSTEM "gdb-target.dtd">',
        '<target version="1.0">',
        f"<architecture>{registers.architecture}</architecture>",
    ]
    for feature in registers.features:
        lines += _feature(feature, registers)
    lines.append("</target>")
    return "\n".join(lines) + "\n"


def _feature(feature: Feature, registers: RegisterFile) -> list[str]:
    lines = [f'<feature name="{escape(feature.name)}">']
    for kind in feature.types:
        lines += _type(kind)
    lines += [
        f'<reg name="{r.name}" bitsize="{r.bits}" type="{r.type}" regnum="{r.number}" group="{r.group}"'
        + ("" if r.group != "system" else ' save-restore="no"')
        + _for_lldb(r.name, registers)
        + "/>"
        for r in feature.registers
    ]
    return [*lines, "</feature>"]


def _for_lldb(name: str, registers: RegisterFile) -> str:
    text = ""
    for role, register in (("pc", registers.pc), ("sp", registers.sp), ("ra", registers.return_address)):
        if name == register:
            text += f' generic="{role}"'
    number = registers.dwarf.get(name)
    return text if number is None else f'{text} dwarf_regnum="{number}" ehframe_regnum="{number}"'


def _type(kind: RegisterType) -> list[str]:
    if isinstance(kind, FlagsType):
        fields = [f'  <field name="{f.name}" start="{f.start}" end="{f.end}"/>' for f in kind.fields]
        return [f'<flags id="{kind.id}" size="{kind.size}">', *fields, "</flags>"]
    if isinstance(kind, VectorType):
        return [f'<vector id="{kind.id}" type="{kind.element}" count="{kind.count}"/>']
    members = [f'  <field name="{name}" type="{member}"/>' for name, member in kind.members]
    return [f'<union id="{kind.id}">', *members, "</union>"]
