"""The commented file that ``kvmgdb config init`` writes."""

from __future__ import annotations

from kvmgdb.config.models import VERSION
from kvmgdb.config.resolved import DEFAULTS
from kvmgdb.config.values import format_size, parse_arch, parse_backend
from kvmgdb.errors import ConfigError
from kvmgdb.policy import PRESETS

_TEMPLATE = """\
# A kvmgdb configuration: kvmgdb serve --config FILE
# A key behind a "#" shows what holds without it (for arch, image, entry and trace: an example).  Flags and
# KVMGDB_* variables override this file; "kvmgdb config show FILE" tells what holds, and from where.
version: {version}

# The architecture: NAME or NAME:VARIANT; "kvmgdb plugins" lists them.
{arch}

# What runs the guest: emulator, kvm or qemu; or a mapping with that backend's own options:
# {{kind: kvm, device: /dev/kvm, irqchip: false}}, {{kind: qemu, machine: pc, arguments: [-vga, std]}}.
backend: {backend}

guest:
  # An ELF file, relative to this one; a raw image has an address: {{path: boot.bin, address: 0x7c00}}.
  # Several make a list.  Without an image, the architecture's sample guest runs.
  # image: hello.elf
  memory: {memory}
  # Where the guest starts; without it, where its image says.
  # entry: 0x1000

# Where the debugger connects: tcp:HOST:PORT (port 0 picks a free one), unix:PATH or stdio.
listen: {listen}
# Whether other machines may connect.  There is no password: whoever can connect controls the guest.
# allow_remote: {allow_remote}
# Whether to end after the first debugger.
# once: {once}
# Whether the guest starts before a debugger attaches.
# run: {run}
# Where every exit and decision is written, a line of JSON each.
# trace: kvmgdb.trace

# Who owns a debug event.  The presets:
{presets}
policy:
  preset: {preset}
  # Single keys override the preset; these are its own.
  # Z0: stub, gdb (gdb writes the trap instruction itself) or hardware (each takes a hardware slot).
  # software_breakpoints: {software_breakpoints}
  # Z1: stub or refuse.
  # hardware_breakpoints: {hardware_breakpoints}
  # Z2 to Z4: stub or refuse.
  # watchpoints: {watchpoints}
  # A debug exit that is nobody's here: guest (hand it back) or gdb (stop).
  # unclaimed_exits: {unclaimed_exits}
  # The guest, once a connection ends without a detach: run, pause or exit.
  # on_disconnect: {on_disconnect}
"""


def template(arch: str | None = None, backend: str | None = None) -> str:
    """Write a file that holds the defaults; :class:`ConfigError` if a name cannot be one."""
    try:
        arch_line = f"arch: {parse_arch(arch)}" if arch else "# arch: x86:64"
        backend = parse_backend(backend or DEFAULTS.backend)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    policy = DEFAULTS.policy
    return _TEMPLATE.format(
        version=VERSION,
        arch=arch_line,
        backend=backend,
        memory=format_size(DEFAULTS.memory),
        listen=DEFAULTS.listen,
        allow_remote=_word(DEFAULTS.allow_remote),
        once=_word(DEFAULTS.once),
        run=_word(DEFAULTS.run),
        presets="\n".join(f"#   {name}: {preset.use}" for name, preset in PRESETS.items()),
        preset=policy.preset,
        software_breakpoints=policy.software_breakpoints.value,
        hardware_breakpoints=policy.hardware_breakpoints.value,
        watchpoints=policy.watchpoints.value,
        unclaimed_exits=policy.unclaimed_exits.value,
        on_disconnect=policy.on_disconnect.value,
    )


def _word(value: bool) -> str:
    return str(value).lower()
