"""``monitor``: core's own commands."""

from __future__ import annotations

from collections.abc import Iterable

from kvmgdb.arch.monitor import MonitorCommand
from kvmgdb.breakpoints import Breakpoint
from kvmgdb.errors import RegisterAbsent, RspError
from kvmgdb.outcomes import Reply, Trigger
from kvmgdb.rsp import packets, replies
from kvmgdb.session import Session


def run(session: Session, packet: packets.Monitor) -> Reply:
    """``qRcmd``: the text is the reply; LLDB shows only what comes before it."""
    text = _output(session, packet.command) + "\n"
    if session.lldb:
        session.say(text.encode("utf-8", "replace"))
        return Reply(replies.OK)
    return Reply(replies.hex_text(text))


def _output(session: Session, line: str) -> str:
    name, _, rest = line.partition(" ")
    command = session.monitor_commands.get(name or "help")
    if command is None:
        matches = [known for known in session.monitor_commands if known.startswith(name)]
        if len(matches) != 1:
            return f"unknown command {name!r}: try `monitor help`"
        command = session.monitor_commands[matches[0]]
    try:
        return command.run(session, rest.strip())
    except RspError as problem:
        return f"{command.name}: {problem.text}"


def _help(session: Session, _rest: str) -> str:
    rows = [(f"{c.name} {c.usage}".strip(), c.summary) for c in session.monitor_commands.values()]
    width = max(len(left) for left, _ in rows)
    return "\n".join(f"{left:<{width}}  {summary}" for left, summary in rows)


def _info(session: Session, _rest: str) -> str:
    guest = session.guest
    out = len(session.points.taken_out())
    regions = [f"  {r.start:#012x} - {r.end - 1:#012x}  {r.name}" for r in guest.backend.regions]
    return "\n".join(
        (
            f"architecture: {guest.arch.id}",
            f"backend: {guest.backend.name}",
            f"state: {session.state.value}, {session.exit_count} stops so far",
            f"breakpoints: {len(session.points)}"
            + (f", and {out} more when the guest ran last" if out else ""),
            f"addresses in packets: {'physical' if guest.physical else 'virtual'}",
            "memory:",
            *regions,
        )
    )


def _registers(session: Session, rest: str) -> str:
    registers = session.guest.arch.registers
    names = rest.split() or [r.name for r in registers if r.group == "system"]
    unknown = [name for name in names if name not in registers.by_name]
    if unknown:
        raise RspError(f"no register {', '.join(unknown)}")
    width = max(len(name) for name in names)
    return "\n".join(f"{name:<{width}}  {_value(session, name)}" for name in names)


def _value(session: Session, name: str) -> str:
    try:
        [value] = session.guest.backend.read_registers([name])
    except RegisterAbsent as problem:
        return f"unavailable: {problem.text}"
    return f"{value:#0{session.guest.arch.registers.by_name[name].bits // 4 + 2}x}"


def _exits(session: Session, rest: str) -> str:
    try:
        wanted = int(rest or "20", 10)
    except ValueError:
        raise RspError(f"{rest!r} is not a number of lines") from None
    shown = list(session.exits)[-max(wanted, 0) :] if wanted > 0 else []
    return "\n".join(str(record) for record in shown) or "no stops yet"


def _policy(session: Session, _rest: str) -> str:
    policy = session.policy
    return "\n".join(
        (
            f"preset: {policy.preset}",
            f"software_breakpoints (Z0): {policy.software_breakpoints.value}",
            f"hardware_breakpoints (Z1): {policy.hardware_breakpoints.value}",
            f"watchpoints (Z2-Z4): {policy.watchpoints.value}",
            f"unclaimed_exits: {policy.unclaimed_exits.value}",
            f"on_disconnect: {policy.on_disconnect.value}",
        )
    )


def _breakpoints(session: Session, _rest: str) -> str:
    lines = [_point(point) for point in _in_order(session.points)]
    if not lines:
        out = [_point(point) for point in _in_order(session.points.taken_out())]
        none = "no breakpoints are set (gdb takes them out while the guest stands still)"
        lines = [f"{none}; when it ran last:" if out else none, *out]
    return "\n".join(lines + [f"refused: {reason}" for reason in dict.fromkeys(session.refusals)])


def _in_order(points: Iterable[Breakpoint]) -> list[Breakpoint]:
    return sorted(points, key=lambda p: (p.address, p.kind))


def _point(point: Breakpoint) -> str:
    return (
        f"{point.address:#018x}  {point.kind.label:<21}  {_count(point.hits, 'hit')}"
        + (f", {_count(point.passed, 'time')} its condition was false" if point.conditions else "")
        + (f", an expression failed: {point.problem}" if point.problem else "")
        + (f", {point.length} bytes" if point.kind.is_watch else "")
        + (f", set as {point.armed_as.label}" if point.armed_as is not point.kind else "")
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


_SWITCH = {"on": True, "off": False}


def _physical(session: Session, rest: str) -> str:
    if rest:
        if rest not in _SWITCH:
            raise RspError(f"{rest!r} is neither on nor off")
        session.guest.physical = _SWITCH[rest]
    return f"addresses in packets are {'physical' if session.guest.physical else 'virtual'}"


def _reset(session: Session, _rest: str) -> str:
    session.guest.backend.reset()
    session.traps.clear()
    session.last_stop = None
    session.move(Trigger.RESET)
    return "the guest is back at its start; make gdb look again with `maintenance flush register-cache`"


COMMANDS = (
    MonitorCommand("help", "this list", _help),
    MonitorCommand("info", "architecture, backend, memory, state", _info),
    MonitorCommand(
        "registers", "registers by name; without one, the system registers", _registers, "[NAME...]"
    ),
    MonitorCommand("exits", "the last stops, what each was taken for and why", _exits, "[COUNT]"),
    MonitorCommand("policy", "who owns breakpoints and debug exits", _policy),
    MonitorCommand("breakpoints", "what is set, how often it was hit, and what was refused", _breakpoints),
    MonitorCommand("physical", "whether addresses are physical", _physical, "[on|off]"),
    MonitorCommand("reset", "put the guest back to its start", _reset),
)

HANDLERS = {packets.Monitor: run}
FEATURES: tuple[str, ...] = ()
