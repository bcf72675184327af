"""Plugins as they are installed: modules named in the entry-point group ``kvmgdb``."""

from __future__ import annotations

import importlib
import inspect
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from kvmgdb import builtin, hookspec
from kvmgdb.arch.architecture import Arch
from kvmgdb.errors import PluginError, UsageError
from kvmgdb.plugins import PluginRecord, Plugins, load_plugins

HOOKS = sorted(name for name in dir(hookspec) if name.startswith("kvmgdb_"))

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution with one module, and that as a plugin of the same name."""

    def install(name: str, source: str) -> None:
        module = f"kvmgdb_test_{name}"
        (tmp_path / f"{module}.py").write_text(_HEAD + dedent(source))
        info = tmp_path / f"{module}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[kvmgdb]\n{name} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)
        importlib.invalidate_caches()

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return install


_HEAD = """
from kvmgdb.arch.identity import ArchInfo, Variant
from kvmgdb.hookspec import hookimpl

"""

RISCV = """
@hookimpl
def kvmgdb_archs():
    return [ArchInfo("riscv", "RISC-V", (Variant("64", "RV64", ("rv64",)), Variant("32", "RV32")))]
"""


def load(**environment: str) -> Plugins:
    return load_plugins(builtin, environment=environment)


def record(plugins: Plugins, name: str) -> PluginRecord:
    [found] = [record for record in plugins.records if record.name == name]
    return found


class TestLoading:
    def test_the_bundled_plugins_are_found(self) -> None:
        plugins = load()

        assert {"ppc", "x86"} <= {record.name for record in plugins.records}
        assert {"ppc", "x86"} <= {info.name for info in plugins.archs}
        assert record(plugins, "x86").problem == ""
        assert record(plugins, "x86").location.endswith("kvmgdb_x86/plugin.py")

    def test_so_is_one_that_is_installed_besides(self, install: Install, tmp_path: Path) -> None:
        install("riscv", RISCV)

        found = record(load(), "riscv")

        assert found.origin == "kvmgdb_test_riscv 1.5"
        assert found.location == str(tmp_path / "kvmgdb_test_riscv.py")
        assert [info.name for info in found.archs] == ["riscv"]

    def test_core_brings_backends_and_monitor_commands(self) -> None:
        assert "emulator" in load().backends
        assert "help" in load().monitor_commands

    def test_without_core_there_are_the_plugins_alone(self) -> None:
        plugins = load_plugins(environment={})

        assert plugins.backends == {}
        assert plugins.resolve("x86").id.name == "x86"

    def test_a_plugin_can_add_a_monitor_command(self, install: Install) -> None:
        install(
            "hello",
            """
            from kvmgdb.arch.monitor import MonitorCommand

            @hookimpl
            def kvmgdb_monitor_commands():
                return [MonitorCommand("hello", "greet", lambda session, rest: f"hello {rest}")]
            """,
        )

        assert load().monitor_commands["hello"].run(None, "you") == "hello you"

    def test_hooks_can_be_traced(self, capsys: pytest.CaptureFixture[str]) -> None:
        load(KVMGDB_TRACE_HOOKS="1").resolve("x86").registers  # noqa: B018 - asking is what is traced

        assert "kvmgdb_registers" in capsys.readouterr().err


class TestDisabling:
    def test_a_plugin_that_is_disabled_is_shown_and_not_used(self) -> None:
        plugins = load(KVMGDB_DISABLE_PLUGINS="ppc")

        assert record(plugins, "ppc").problem == "disabled"
        assert "ppc" not in {info.name for info in plugins.archs}
        assert plugins.resolve("x86").id.name == "x86"

    def test_several(self) -> None:
        plugins = load(KVMGDB_DISABLE_PLUGINS=" ppc , x86,")

        assert {"ppc", "x86"}.isdisjoint(info.name for info in plugins.archs)

    def test_its_module_is_not_even_imported(self, install: Install) -> None:
        install("broken", "raise RuntimeError")

        assert record(load(KVMGDB_DISABLE_PLUGINS="broken"), "broken").problem == "disabled"


BROKEN = {
    "its import fails": ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
    "it is no Python": ("def", "invalid syntax"),
    "it raises": ("raise RuntimeError('out of\\n order')", "out of order"),
    "it raises without a word": ("raise RuntimeError", "RuntimeError"),
    "a hook that does not exist": (
        "@hookimpl\ndef kvmgdb_register(arch): ...",
        "unknown hook kvmgdb_register; did you mean 'kvmgdb_registers'?",
    ),
    "a hook with the wrong arguments": ("@hookimpl\ndef kvmgdb_registers(arch, extra): ...", "extra"),
    "another contract": (
        "@hookimpl\ndef kvmgdb_archs(): return [ArchInfo('old', '', (Variant('1', ''),), api=99)]",
        "its architecture old was written for plugin contract 99; this kvmgdb has contract 1",
    ),
    "architectures that are none": ("@hookimpl\ndef kvmgdb_archs(): return ['x']", "which is no ArchInfo"),
    "architectures that fail": ("@hookimpl\ndef kvmgdb_archs(): return 1 // 0", "division"),
}


@pytest.mark.parametrize(("source", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_a_warning_that_names_it(
    install: Install, caplog: pytest.LogCaptureFixture, source: str, problem: str
) -> None:
    install("broken", source)
    install("riscv", RISCV)
    caplog.set_level(logging.WARNING)

    plugins = load()

    [warning] = caplog.records
    assert warning.getMessage().startswith("plugin broken (kvmgdb_test_broken 1.5) is not used: ")
    assert problem in warning.getMessage()
    assert "\n" not in warning.getMessage()
    assert problem in record(plugins, "broken").problem
    assert plugins.resolve("riscv").id.name == "riscv"  # the others work on
    assert plugins.resolve("x86").registers.pc == "rip"


def entry_point(tmp_path: Path, name: str, line: str) -> None:
    (tmp_path / f"kvmgdb_test_{name}-1.5.dist-info" / "entry_points.txt").write_text(f"[kvmgdb]\n{line}\n")


LATE = {
    "a collected hook that fails": "@hookimpl\ndef kvmgdb_monitor_commands(): return 1 // 0",
    "a collected hook that answers nonsense": "@hookimpl\ndef kvmgdb_backends(): return [5]",
    "a module that ends the program": "raise SystemExit(3)",
    "an architecture without variants": "@hookimpl\ndef kvmgdb_archs(): return [ArchInfo('a', '', ())]",
}


@pytest.mark.parametrize("source", LATE.values(), ids=LATE)
def test_so_is_one_that_breaks_late(install: Install, caplog: pytest.LogCaptureFixture, source: str) -> None:
    install("broken", source)

    plugins = load()
    known = {info.name: plugins.resolve(info.name) for info in plugins.archs}

    assert "help" in plugins.monitor_commands
    assert "emulator" in plugins.backends
    assert "x86" in known
    assert "plugin broken" in caplog.text


def test_a_plugin_may_be_any_object(install: Install, tmp_path: Path) -> None:
    install("thing", "thing = object()")
    entry_point(tmp_path, "thing", "thing = kvmgdb_test_thing:thing")

    assert record(load(), "thing").problem == ""


def test_a_second_plugin_of_the_same_name_is_a_short_warning(
    install: Install, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install("riscv", RISCV)
    install("other", "")
    entry_point(tmp_path, "other", "riscv = kvmgdb_test_other")

    load()

    [warning] = caplog.records
    assert "already" in warning.getMessage()
    assert len(warning.getMessage()) < 200


class TestNames:
    @pytest.mark.parametrize(
        "name", ["x86", "i386", "powerpc"], ids=["a name", "a variant's alias", "an alias"]
    )
    def test_two_plugins_cannot_claim_one(self, install: Install, name: str) -> None:
        install(
            "second",
            f"""
            @hookimpl
            def kvmgdb_archs():
                return [ArchInfo("{name}", "", (Variant("1", ""),))]
            """,
        )

        with pytest.raises(PluginError) as refused:
            load().resolve("ppc:440")

        assert f"{name!r} is claimed by two plugins" in str(refused.value)
        assert "second" in str(refused.value)
        assert "KVMGDB_DISABLE_PLUGINS" in str(refused.value)

    def test_one_of_them_can_be_disabled(self, install: Install) -> None:
        install("second", RISCV.replace("riscv", "ppc"))

        assert load(KVMGDB_DISABLE_PLUGINS="ppc").resolve("ppc:64").info.summary == "RISC-V"
        assert load(KVMGDB_DISABLE_PLUGINS="second").resolve("ppc:440").id.variant == "440"

    @pytest.mark.parametrize(
        ("text", "name", "variant", "given"),
        [
            ("x86", "x86", "64", False),
            ("x86:16", "x86", "16", True),
            ("x86_64", "x86", "64", True),
            ("i8086", "x86", "16", True),
            ("powerpc", "ppc", "440", False),
            ("powerpc:750", "ppc", "750", True),
        ],
    )
    def test_what_they_resolve_to(self, text: str, name: str, variant: str, given: bool) -> None:
        chosen = load().resolve(text).id

        assert (chosen.name, chosen.variant, chosen.given) == (name, variant, given)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("x68", "unknown architecture 'x68'; did you mean 'x86'?"),
            ("sparc", "unknown architecture 'sparc' (known: "),
            ("", "unknown architecture ''"),
            ("ppc:400", "ppc has no variant '400'; did you mean '440'?"),
            ("x86:128", "x86 has no variant '128' (known: 16, 32, 64)"),
        ],
    )
    def test_what_they_do_not(self, text: str, message: str) -> None:
        with pytest.raises(UsageError) as refused:
            load().resolve(text)

        assert str(refused.value).startswith(message)


class TestReplacing:
    def test_a_later_plugin_replaces_one_part_and_keeps_the_rest(self, install: Install) -> None:
        """The one registered last, which is the last by name, is asked first."""
        install(
            "zz_vendor",
            """
            @hookimpl
            def kvmgdb_exit_decoder(arch):
                return f"a vendor's decoder for {arch}" if str(arch) == "ppc:440" else None
            """,
        )
        plugins = load()
        before: object = load(KVMGDB_DISABLE_PLUGINS="zz_vendor").resolve("ppc:440").decoder
        after: object = plugins.resolve("ppc:440").decoder

        assert after == "a vendor's decoder for ppc:440"
        assert before != after
        assert plugins.resolve("ppc:440").registers.pc == "pc"

    def test_other_variants_keep_theirs(self, install: Install) -> None:
        install(
            "zz_vendor",
            """
            @hookimpl
            def kvmgdb_sample_guest(arch):
                return "other.elf" if arch.variant == "440" else None
            """,
        )
        plugins = load()

        assert str(plugins.resolve("ppc:440").sample_guest) == "other.elf"
        assert plugins.resolve("ppc:750").sample_guest is not None
        assert plugins.resolve("ppc:750").sample_guest != plugins.resolve("ppc:440").sample_guest


class TestParts:
    def test_a_part_that_no_plugin_has_is_named(self, install: Install) -> None:
        install("riscv", RISCV)
        arch = load().resolve("riscv:32")

        for part, name in (
            ("registers", "registers"),
            ("breakpoints", "breakpoints"),
            ("layout", "debug registers"),
            ("decoder", "debug exits"),
        ):
            with pytest.raises(PluginError, match=f"no plugin describes the {name} of riscv:32"):
                getattr(arch, part)

    def test_a_part_that_may_be_missing_is_none(self, install: Install) -> None:
        install("riscv", RISCV)
        arch = load().resolve("riscv")

        assert arch.emulator is None
        assert arch.sample_guest is None

    def test_a_plugin_that_fails_when_asked_is_one_line(self, install: Install) -> None:
        install("zz", "@hookimpl\ndef kvmgdb_registers(arch): return {}[arch.name]")

        with pytest.raises(PluginError, match="a plugin failed in kvmgdb_registers for x86:64: KeyError"):
            load().resolve("x86").registers  # noqa: B018 - asking is what fails

    def test_each_is_fetched_once(self) -> None:
        arch = load().resolve("x86")

        assert arch.registers is arch.registers
        assert arch.emulator is arch.emulator


ARCH_HOOKS: dict[str, Callable[[Arch], object]] = {
    "kvmgdb_registers": lambda arch: arch.registers,
    "kvmgdb_breakpoint_encoding": lambda arch: arch.breakpoints,
    "kvmgdb_debug_layout": lambda arch: arch.layout,
    "kvmgdb_exit_decoder": lambda arch: arch.decoder,
    "kvmgdb_emulator_port": lambda arch: arch.emulator,
    "kvmgdb_kvm_port": lambda arch: arch.kvm,
    "kvmgdb_qemu_port": lambda arch: arch.qemu,
    "kvmgdb_sample_guest": lambda arch: arch.sample_guest,
}
COLLECTED_HOOKS: dict[str, Callable[[Plugins], object]] = {
    "kvmgdb_archs": lambda plugins: plugins.archs,
    "kvmgdb_backends": lambda plugins: plugins.backends,
    "kvmgdb_monitor_commands": lambda plugins: plugins.monitor_commands,
}


class TestContract:
    """A hook that nobody explains, asks or tests is a mistake: a new one has to be added above."""

    @pytest.mark.parametrize("name", HOOKS)
    def test_every_hook_says_what_it_is_for(self, name: str) -> None:
        text = inspect.getdoc(getattr(hookspec, name)) or ""

        assert len(text.split()) >= 5

    @pytest.mark.parametrize("name", HOOKS)
    def test_every_hook_says_what_it_takes_and_gives(self, name: str) -> None:
        signature = inspect.signature(getattr(hookspec, name))

        assert signature.return_annotation is not inspect.Signature.empty
        assert all(p.annotation is not inspect.Parameter.empty for p in signature.parameters.values())

    def test_every_hook_is_asked_here(self) -> None:
        assert sorted(ARCH_HOOKS | COLLECTED_HOOKS) == HOOKS

    @pytest.mark.parametrize("name", ARCH_HOOKS)
    @pytest.mark.parametrize("arch", ["x86", "ppc"])
    def test_the_bundled_architectures_answer_each(self, name: str, arch: str) -> None:
        plugins = load()

        assert ARCH_HOOKS[name](plugins.resolve(arch)) is not None

    @pytest.mark.parametrize("name", COLLECTED_HOOKS)
    def test_each_collected_hook_has_an_answer(self, name: str) -> None:
        assert COLLECTED_HOOKS[name](load())

    @pytest.mark.parametrize("name", ARCH_HOOKS)
    def test_a_hook_of_another_architecture_is_left_to_others(self, name: str, install: Install) -> None:
        install("riscv", RISCV)
        hooks: Any = load()._hooks

        assert getattr(hooks, name)(arch=load().resolve("riscv").id) is None
