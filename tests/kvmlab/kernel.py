"""Debian's kernel, as the emulators want it."""

from __future__ import annotations

import lzma
import struct
from pathlib import Path

from tests.kvmlab.cache import LabError

PATTERN = {"amd64": r"linux-image-6\.1\.0-\d+-amd64", "ppc64el": r"linux-image-6\.1\.0-\d+-powerpc64le"}
"""The package, by Debian's architecture.  A 6.12 kernel fails in long mode under nested TCG."""

_XZ = b"\xfd7zXZ\0"


def image_and_modules(package: Path) -> tuple[Path, Path]:
    """The kernel's image and the folder of its modules, in an unpacked ``linux-image`` package."""
    images, modules = list(package.glob("boot/vmlinu*")), list(package.glob("lib/modules/*/kernel"))
    if len(images) != 1 or len(modules) != 1:
        raise LabError(f"{package} is not a kernel's package")
    return images[0], modules[0]


def vmlinux(image: Path, target: Path) -> Path:
    """The ELF file within a bzImage: an emulated processor takes ten seconds to unpack it.

    Source: the kernel's ``Documentation/x86/boot.rst``, ``setup_sects``, ``payload_offset``,
    ``payload_length``.
    """
    data = image.read_bytes()
    setup = (data[0x1F1] or 4) + 1
    offset, length = struct.unpack_from("<II", data, 0x248)
    payload = data[setup * 512 + offset :][:length]
    if not payload.startswith(_XZ):
        raise LabError(f"{image} is not packed with xz, as Debian's kernels are")
    target.write_bytes(lzma.LZMADecompressor().decompress(payload))
    return target
