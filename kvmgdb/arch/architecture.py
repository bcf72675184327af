"""One architecture, put together from what the plugins answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvmgdb.arch.breakpoints import BreakpointEncoding
from kvmgdb.arch.emulator import EmulatorPort
from kvmgdb.arch.identity import ArchId, ArchInfo
from kvmgdb.arch.registers import RegisterFile
from kvmgdb.errors import KvmgdbError, PluginError

if TYPE_CHECKING:  # serving a guest needs neither, and both take a while to import
    from kvmgdb.arch.exits import ExitDecoder
    from kvmgdb.arch.kvm import KvmPort
    from kvmgdb.arch.layout import DebugLayout
    from kvmgdb.arch.qemu import QemuPort


@dataclass(frozen=True)
class Arch:
    """One architecture, its parts fetched from the plugins at first use and kept."""

    id: ArchId
    info: ArchInfo
    _hooks: Any = field(repr=False)

    def as_variant(self, variant: str) -> Arch:
        """The same architecture as another of its variants."""
        return replace(self, id=replace(self.id, variant=variant))

    def _require(self, hook: str, what: str) -> Any:
        answer = self._ask(hook)
        if answer is None:
            raise PluginError(f"no plugin describes the {what} of {self.id}")
        return answer

    def _ask(self, hook: str) -> Any:
        try:
            return getattr(self._hooks, hook)(arch=self.id)
        except KvmgdbError:
            raise
        except Exception as problem:  # a plugin is foreign code: it may raise anything
            raise PluginError(f"a plugin failed in {hook} for {self.id}: {problem!r}") from problem

    @cached_property
    def registers(self) -> RegisterFile:
        """The register file."""
        answer: RegisterFile = self._require("kvmgdb_registers", "registers")
        return answer

    @cached_property
    def breakpoints(self) -> BreakpointEncoding:
        """How it encodes breakpoints."""
        answer: BreakpointEncoding = self._require("kvmgdb_breakpoint_encoding", "breakpoints")
        return answer

    @cached_property
    def layout(self) -> DebugLayout:
        """Its debug registers."""
        answer: DebugLayout = self._require("kvmgdb_debug_layout", "debug registers")
        return answer

    @cached_property
    def decoder(self) -> ExitDecoder:
        """What reads its debug exits."""
        answer: ExitDecoder = self._require("kvmgdb_exit_decoder", "debug exits")
        return answer

    @cached_property
    def emulator(self) -> EmulatorPort | None:
        """Its port to the emulator, for one guest; None where the emulator cannot run it."""
        answer: EmulatorPort | None = self._ask("kvmgdb_emulator_port")
        return answer

    @cached_property
    def kvm(self) -> KvmPort | None:
        """Its port to KVM, for one guest; None where KVM runs it on no host."""
        answer: KvmPort | None = self._ask("kvmgdb_kvm_port")
        return answer

    @cached_property
    def qemu(self) -> QemuPort | None:
        """Its port to QEMU, for one guest; None where there is none."""
        answer: QemuPort | None = self._ask("kvmgdb_qemu_port")
        return answer

    @cached_property
    def sample_guest(self) -> Path | None:
        """The ELF of its sample guest."""
        answer: Path | None = self._ask("kvmgdb_sample_guest")
        return answer
