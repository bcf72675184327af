"""The target description gdb reads (GDB manual, "Target Description Format"), from a register file."""

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
        lines += _feature(feature)
    lines.append("</target>")
    return "\n".join(lines) + "\n"


def _feature(feature: Feature) -> list[str]:
    lines = [f'<feature name="{escape(feature.name)}">']
    for kind in feature.types:
        lines += _type(kind)
    lines += [
        f'<reg name="{r.name}" bitsize="{r.bits}" type="{r.type}" regnum="{r.number}" group="{r.group}"'
        + ("/>" if r.group != "system" else ' save-restore="no"/>')
        for r in feature.registers
    ]
    return [*lines, "</feature>"]


def _type(kind: RegisterType) -> list[str]:
    if isinstance(kind, FlagsType):
        fields = [f'  <field name="{f.name}" start="{f.start}" end="{f.end}"/>' for f in kind.fields]
        return [f'<flags id="{kind.id}" size="{kind.size}">', *fields, "</flags>"]
    if isinstance(kind, VectorType):
        return [f'<vector id="{kind.id}" type="{kind.element}" count="{kind.count}"/>']
    members = [f'  <field name="{name}" type="{member}"/>' for name, member in kind.members]
    return [f'<union id="{kind.id}">', *members, "</union>"]
