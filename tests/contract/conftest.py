"""Every architecture variant on every backend: the table all contract tests run through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from kvmgdb_x86 import kvm_probe
from tests.support.guests import EVERY, RISCV
from tests.support.kvm_host import NO_EXCEPTIONS, WATCH, Need, expect
from tests.support.machines import BACKENDS, Machine, machine
from tests.support.qemu import Lack
from tests.support.qemu import expect as expect_of_qemu


@pytest.fixture(params=(*EVERY, *RISCV), scope="module")
def arch(request: pytest.FixtureRequest) -> str:
    """The architecture and variant."""
    name: str = request.param
    return name


NEEDS = (
    Need(
        r"test_a_crash_is_a_stop_at_its_instruction\[kvm-x86:(64|32)-[12]-|test_a_jump_to_nowhere\[x86:16-kvm",
        (),
        NO_EXCEPTIONS,
    ),
    Need(
        r"test_steps_get_through_it\[kvm|test_a_breakpoint_on_it_stops_before|test_a_watch_in_the_middle_is_hit"
        r"|test_each_byte_of_a_watch_is_a_hit",
        (kvm_probe.STRING_STEP,),
        "it counts the rounds of a string instruction",
    ),
    Need(
        r"test_a_hit_is_what_single_steps_say|test_every_instruction_under_a_watch_of_just_its_bytes.*-[34]\]"
        r"|test_the_neighbours_of_an_access_are_not_hit.*-[34]\]|watchpoints.py::test_one_that_is_removed_stops"
        r"|test_the_guest_prints_what_it_would|test_one_that_is_gone_changes_nothing"
        r"|test_a_breakpoint_on_the_instruction_comes_first\[x86:(64|32)",
        WATCH,
        "it watches reads, or a store of what was there before",
    ),
)
"""What the tests need of KVM besides breakpoints, steps and write watchpoints."""

QEMU = (
    Lack(
        r"test_(a_crash_is|single_steps_find).*qemu-x86:..-4-",
        "HLT waits for an interrupt, on a machine that has them",
        runs=False,
    ),
    Lack(
        r"test_a_jump_to_nowhere\[x86",
        "where no memory is, QEMU's PC reads as instructions, without end",
        runs=False,
    ),
    Lack(
        r"test_(a_crash_is|single_steps_find).*qemu-x86:..-3-|test_an_unmapped_read_of_powerpc\[qemu-ppc:(6|7)",
        "where no memory is, QEMU's boards read as zeros or ones",
    ),
    Lack(
        r"test_a_crash_is_a_stop_at_its_instruction\[qemu-x86:..-[12]-",
        "QEMU tells of no exception of the guest's: without a handler it is a triple fault",
    ),
    Lack(
        r"test_a_jump_to_nowhere\[ppc:(603e|750|7457)",
        "where no memory is, QEMU's boards read as zeros: an illegal instruction",
    ),
    Lack(
        r"test_a_hit_is_what_single_steps_say|test_each_byte_of_a_watch_is_a_hit",
        "QEMU names a watch by its first byte, and takes neighbours of an unaligned access for touched",
    ),
    Lack(
        r"test_every_instruction_under_a_watch_of_just_its_bytes\[ppc.*-[34]\]",
        "what a load has brought stays in its register",
    ),
)
"""What tests want and QEMU does not do."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the variants a backend does not run; expect what this host's KVM cannot do."""
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    on_kvm: list[pytest.Item] = []
    on_qemu: list[pytest.Item] = []
    for item in items:
        values = getattr(item, "callspec", _NOTHING).params
        backend = values.get("backend")
        runs = backend is None or values.get("arch") in BACKENDS[backend]
        (kept if runs else left_out).append(item)
        if backend == "kvm":
            on_kvm.append(item)
        if backend == "qemu":
            on_qemu.append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)
    expect(on_kvm, NEEDS)
    expect_of_qemu(on_qemu, QEMU)


class _NOTHING:
    params: ClassVar[dict[str, str]] = {}


@pytest.fixture(params=BACKENDS, scope="module")
def backend(request: pytest.FixtureRequest) -> str:
    """The backend."""
    name: str = request.param
    return name


@pytest.fixture
def fresh(arch: str, backend: str) -> Iterator[Machine]:
    """The sample guest at its entry."""
    with machine(arch, backend) as made:
        yield made


@pytest.fixture(scope="module")
def shared(arch: str, backend: str) -> Iterator[Machine]:
    """One machine for all examples of a property: each sets up what it needs."""
    with machine(arch, backend) as made:
        yield made
