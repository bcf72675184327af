"""One processor with everything that is armed on it: what running it and judging its exits share."""

from __future__ import annotations

from dataclasses import dataclass

from kvmgdb.arch.exits import ExitDecoder
from kvmgdb.arch.kvm import HostDebug, KvmPort
from kvmgdb.backends.kvm.hardware import Hardware
from kvmgdb.backends.kvm.patches import Patches
from kvmgdb.backends.kvm.vcpu import Vcpu
from kvmgdb.backends.kvm.view import View


@dataclass(frozen=True, slots=True)
class Processor:
    """The parts; each is documented where it is made."""

    port: KvmPort
    host: HostDebug
    decoder: ExitDecoder
    vcpu: Vcpu
    view: View
    patches: Patches
    hardware: Hardware
