"""Finding plugins, and a typed face for what they answer.

The only module that touches pluggy's manager.  A plugin that cannot be loaded is a warning that names
it; two plugins that claim one name, or one written for another contract, are errors.
"""

from __future__ import annotations

import difflib
import logging
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

import pluggy

from kvmgdb import hookspec
from kvmgdb.arch.architecture import Arch
from kvmgdb.arch.identity import PLUGIN_API, ArchId, ArchInfo, Variant
from kvmgdb.arch.monitor import MonitorCommand
from kvmgdb.backends.base import BackendInfo
from kvmgdb.errors import PluginError, UsageError

ENTRY_POINT_GROUP = "kvmgdb"
DISABLE_VARIABLE = "KVMGDB_DISABLE_PLUGINS"
TRACE_VARIABLE = "KVMGDB_TRACE_HOOKS"

log = logging.getLogger(__name__)

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """One plugin that was found, for ``kvmgdb plugins``."""

    name: str
    origin: str
    """Distribution and version, or the module."""
    location: str
    """The file it was loaded from; empty if it was not."""
    archs: tuple[ArchInfo, ...] = ()
    backends: tuple[BackendInfo, ...] = ()
    commands: tuple[MonitorCommand, ...] = ()
    problem: str = ""
    """Why it is not in use; empty if it is."""


class Plugins:
    """The loaded plugins."""

    def __init__(self, hooks: Any, records: tuple[PluginRecord, ...]) -> None:
        self._hooks = hooks
        self.records = records

    @cached_property
    def archs(self) -> tuple[ArchInfo, ...]:
        """Every architecture, by name.

        Raises:
            PluginError: two plugins claim the same name or alias.
        """
        infos = sorted((info for r in self.records for info in r.archs), key=lambda info: info.name)
        claimed: dict[str, str] = {}
        for record in self.records:
            for info in record.archs:
                for name in (info.name, *info.aliases, *(a for v in info.variants for a in v.aliases)):
                    if name in claimed:
                        raise PluginError(
                            f"the architecture name {name!r} is claimed by two plugins, "
                            f"{claimed[name]} and {record.name}: disable one with {DISABLE_VARIABLE}"
                        )
                    claimed[name] = record.name
        return tuple(infos)

    @cached_property
    def backends(self) -> dict[str, BackendInfo]:
        """Every backend by name."""
        return {info.name: info for record in self.records for info in record.backends}

    def backend(self, name: str) -> BackendInfo:
        """One backend.

        Raises:
            UsageError: there is none of that name; the message names the nearest one.
        """
        info = self.backends.get(name)
        if info is None:
            raise UsageError(f"there is no backend {name!r}{_suggest(name, self.backends)}")
        return info

    @cached_property
    def monitor_commands(self) -> dict[str, MonitorCommand]:
        """Every monitor command by name, in the order of ``monitor help``."""
        found = [command for record in self.records for command in record.commands]
        return {command.name: command for command in sorted(found, key=lambda command: command.name)}

    @cached_property
    def _names(self) -> dict[str, tuple[ArchInfo, Variant | None]]:
        names: dict[str, tuple[ArchInfo, Variant | None]] = {}
        for info in self.archs:
            for name in (info.name, *info.aliases):
                names[name] = (info, None)
            for variant in info.variants:
                names.update(dict.fromkeys(variant.aliases, (info, variant)))
        return names

    def resolve(self, text: str) -> Arch:
        """``NAME``, ``NAME:VARIANT`` or an alias -> the architecture.

        Raises:
            UsageError: no plugin knows it; the message names the nearest ones.
        """
        name, _, wanted = text.partition(":")
        info, variant = self._names.get(name, (None, None))
        if info is None:
            raise UsageError(f"unknown architecture {text!r}{_suggest(name, self._names)}")
        if wanted:
            by_name = {v.name: v for v in info.variants}
            variant = by_name.get(wanted)
            if variant is None:
                raise UsageError(f"{info.name} has no variant {wanted!r}{_suggest(wanted, by_name)}")
        return self.arch(info, variant.name if variant else None)

    def arch(self, info: ArchInfo, variant: str | None) -> Arch:
        """The architecture ``info`` as ``variant``, or as its default where that is None."""
        chosen = variant or info.variants[0].name
        return Arch(ArchId(info.name, chosen, given=variant is not None), info, self._hooks)


def _suggest(word: str, known: Iterable[str]) -> str:
    known = sorted(known)
    close = difflib.get_close_matches(word, known, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{hint} (known: {', '.join(known)})"


def load_plugins(
    core: object | None = None,
    found: Iterable[EntryPoint] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Plugins:
    """Load every plugin of the entry-point group ``kvmgdb`` that is not disabled.

    ``core`` is the plugin with core's own backends and commands, for who needs them.
    """
    env = os.environ if environment is None else environment
    manager = pluggy.PluginManager(hookspec.PROJECT)
    manager.add_hookspecs(hookspec)
    if env.get(TRACE_VARIABLE):
        manager.trace.root.setwriter(lambda text: sys.stderr.write(text))
        manager.enable_tracing()
    disabled = {name.strip() for name in env.get(DISABLE_VARIABLE, "").split(",") if name.strip()}
    points = entry_points(group=ENTRY_POINT_GROUP) if found is None else found
    records = []
    if core is not None:
        manager.register(core, "core")
        records.append(_ask(manager, core, PluginRecord("core", "", "")))
    for point in sorted(points, key=lambda p: p.name):
        if point.name in disabled:
            records.append(PluginRecord(point.name, _origin(point), "", problem="disabled"))
        else:
            records.append(_load_one(manager, point))
    return Plugins(manager.hook, tuple(records))


def _origin(point: EntryPoint) -> str:
    dist = point.dist
    return f"{dist.name} {dist.version}" if dist is not None else point.value


def _load_one(manager: pluggy.PluginManager, point: EntryPoint) -> PluginRecord:
    """Import and register one plugin; whatever goes wrong in it becomes its record's problem."""
    plugin: object = None
    try:
        if manager.has_plugin(point.name):
            raise PluginError("another plugin of that name is loaded already")
        plugin = point.load()
        manager.register(plugin, point.name)
        _check_hook_names(plugin)
        record = PluginRecord(point.name, _origin(point), _location(plugin))
        return _ask(manager, plugin, record)
    except (Exception, SystemExit) as problem:  # a plugin is foreign code: it may raise anything
        if plugin is not None and manager.is_registered(plugin):
            manager.unregister(plugin)
        text = " ".join(str(problem).split()) or type(problem).__name__
        log.warning("plugin %s (%s) is not used: %s", point.name, _origin(point), text)
        return PluginRecord(point.name, _origin(point), "", problem=text)


def _location(plugin: object) -> str:
    module = sys.modules.get(type(plugin).__module__)
    return str(getattr(plugin, "__file__", None) or getattr(module, "__file__", ""))


def _check_hook_names(plugin: object) -> None:
    known = {name for name in dir(hookspec) if name.startswith("kvmgdb_")}
    for name in dir(plugin):
        if name.startswith("kvmgdb_") and name not in known and hasattr(getattr(plugin, name), "kvmgdb_impl"):
            raise PluginError(f"it implements an unknown hook {name}{_suggest(name, known)}")


def _ask(manager: pluggy.PluginManager, plugin: object, record: PluginRecord) -> PluginRecord:
    """What one plugin answers to the collected hooks, each answer of the kind it should be."""
    others = [other for other in manager.get_plugins() if other is not plugin]

    def collect(hook: str, kind: type[_Item]) -> tuple[_Item, ...]:
        found = tuple(item for answer in manager.subset_hook_caller(hook, others)() for item in answer)
        for item in found:
            if not isinstance(item, kind):
                raise PluginError(f"its {hook} answers {item!r}, which is no {kind.__name__}")
        return found

    archs = collect("kvmgdb_archs", ArchInfo)
    for info in archs:
        _check_arch(info)
    return replace(
        record,
        archs=archs,
        backends=collect("kvmgdb_backends", BackendInfo),
        commands=collect("kvmgdb_monitor_commands", MonitorCommand),
    )


def _check_arch(info: ArchInfo) -> None:
    if info.api != PLUGIN_API:
        raise PluginError(
            f"its architecture {info.name} was written for plugin contract {info.api}; "
            f"this kvmgdb has contract {PLUGIN_API}"
        )
    if not info.variants:
        raise PluginError(f"its architecture {info.name} has no variant")
