"""Single steps on hosts whose KVM has none: traps on everything the instruction may lead to."""

from __future__ import annotations

from collections.abc import Callable

from kvmgdb.arch.kvm import Successors
from kvmgdb.arch.kvm_run import KVM_EXIT_DEBUG
from kvmgdb.backends.kvm.processor import Processor

WORD = 4
"""Bytes of an instruction on all such hosts."""


class TrapSteps:
    """Steps one processor.  An exception that nobody foresees is not a step: its handler runs."""

    def __init__(self, processor: Processor, successors: Successors, enter: Callable[[], int]) -> None:
        """``enter`` arms the traps, runs to an exit and answers its reason."""
        self._successors = successors
        self._view, self._patches = processor.view, processor.patches
        self._state = processor.vcpu.state
        self._enter = enter

    def step(self) -> int | None:
        """Execute the instruction; None if that is what has happened, else why KVM came back."""
        pc = self._view.pc()
        code = self._view.read_virtual(pc, WORD)
        targets = [target for target in self._successors(self._state, code) if target != pc]
        if not targets:
            return None  # a branch to itself
        added = [target for target in targets if self._trap(target)]
        lifted = self._patches.lift((pc,))
        try:
            reason = self._enter()
        finally:
            self._patches.put_back(lifted)
            for target in added:
                self._patches.remove(target)
        return None if reason == KVM_EXIT_DEBUG and self._view.pc() in targets else reason

    def _trap(self, target: int) -> bool:
        """Put a trap of ours at a place that has none."""
        physical = None if target in self._patches else self._view.physical(target)
        if physical is None:
            return False
        self._patches.insert(target, physical)
        return True
