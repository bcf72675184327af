"""What of a configuration only plugins and files can tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmgdb import builtin
from kvmgdb.config.load import load
from kvmgdb.plugins import Plugins, load_plugins
from kvmgdb.servable import remarks, unfit, unusable


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins(builtin, environment={})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("arch: x86:63", "2:7: arch: x86 has no variant '63' (known: 16, 32, 64)"),
        (
            "backend: {kind: kvm, devise: /dev/kvm}",
            '2:30: backend.devise: the backend kvm has no such option; did you mean "device"? '
            "(it has: device, irqchip)",
        ),
        (
            "backend: {kind: emulator, device: /dev/kvm}",
            "2:35: backend.device: the backend emulator has no such option (it has: none)",
        ),
        (
            "backend: {kind: kvm, irqchip: maybe}",
            '2:31: backend.irqchip: expected true or false, found "maybe"',
        ),
        ("backend: {kind: kvm, irqchip: 1}", "2:31: backend.irqchip: expected true or false, found 1"),
        ("backend: {kind: kvm, irqchip: }", "2:30: backend.irqchip: expected true or false, found nothing"),
        ("backend: {kind: kvm, device: 7}", "2:30: backend.device: expected a path, found 7"),
        ("backend: {kind: kvm, device: ''}", '2:30: backend.device: expected a path, found ""'),
        ("guest: {image: none.elf}", "2:16: guest.image: "),
        ("guest: {image: raw.bin}", "2:16: guest.image: "),
        ("guest: {memory: 4KiB}", "2:17: guest.memory: "),
        ("arch: ppc:405\nbackend: emulator", "3:10: backend.kind: the emulator cannot run ppc:405"),
        ("arch: ppc:405\nbackend: kvm", "3:10: backend.kind: KVM cannot run ppc:405, and neither can"),
        ("arch: ppc:power9\nbackend: kvm", "2:7: arch: ppc:power9 has no sample guest"),
    ],
)
def test_what_cannot_be_served_is_told_with_its_place(
    tmp_path: Path, plugins: Plugins, text: str, line: str
) -> None:
    (tmp_path / "raw.bin").write_bytes(b"\x90")
    (tmp_path / "405.bin").write_bytes(b"\0" * 4)
    if "405" in text:  # which has no sample guest either
        text += "\nguest: {image: 405.bin@0}"
    file = tmp_path / "f.yaml"
    file.write_text(f"version: 1\n{text}", "utf-8")

    [said] = unusable(load(file), plugins)

    assert said.startswith(f"{file}:{line}")


def test_an_image_that_is_missing_is_no_reason_not_to_try(tmp_path: Path, plugins: Plugins) -> None:
    """It may be built until then."""
    file = tmp_path / "f.yaml"
    file.write_text("version: 1\nguest: {image: none.elf}", "utf-8")

    assert unfit(load(file), plugins) == []


def test_what_this_host_lacks_is_no_mistake_of_the_file(plugins: Plugins) -> None:
    """No host is both."""
    x86, ppc = (load(flags={"arch": arch, "backend": "kvm"}) for arch in ("x86:64", "ppc:440"))

    assert unusable(x86, plugins) == unusable(ppc, plugins) == []
    assert "not here: " in "".join(said := remarks(x86, plugins) + remarks(ppc, plugins))
    assert "needs a" in "".join(said)


@pytest.mark.parametrize(
    ("backend", "policy", "lost"),
    [
        ("qemu", "transparent", []),
        (
            "qemu",
            "gdb-owned",
            ["policy gdb-owned: gdb will write its breakpoints into memory, and QEMU does"],
        ),
        (
            "qemu",
            "catch-all",
            ["policy catch-all: the guest's own traps and debug events are to stop in gdb"],
        ),
        ("emulator", "gdb-owned", []),
        ("kvm", "catch-all", []),  # there it is the host that decides, which is told at the start
    ],
)
def test_a_policy_that_no_host_can_hold_is_told_beforehand(
    plugins: Plugins, backend: str, policy: str, lost: list[str]
) -> None:
    said = remarks(load(flags={"backend": backend, "policy": policy}), plugins)
    lines = [line for line in said if not line.startswith("not here: ")]

    assert [line[: len(start)] for line, start in zip(lines, lost, strict=True)] == lost
