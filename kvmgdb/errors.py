"""Every error kvmgdb raises on purpose.

A :class:`KvmgdbError` ends a command with its text on one line and exit code 1 (2 for
:class:`UsageError`).  An :class:`RspError` ends one packet with an ``E`` reply; the session goes on.
"""

from __future__ import annotations

import errno


class KvmgdbError(Exception):
    """Something the user can act on; ``str()`` is one clear line."""


class UsageError(KvmgdbError):
    """A wrong argument or a wrong configuration: exit code 2."""


class ConfigError(UsageError):
    """A configuration file or value that cannot be used."""


class PayloadError(UsageError):
    """An exit payload that cannot be decoded."""


class PluginError(KvmgdbError):
    """A plugin that cannot be used, or two that contradict each other."""


class ImageError(KvmgdbError):
    """A guest image that cannot be loaded."""


class BackendError(KvmgdbError):
    """A backend that cannot start or run the guest."""


class RspError(Exception):
    """One packet failed: the reply is ``E nn``, or ``E.text`` where gdb understands texts.

    ``number`` is an errno value (GDB manual, "Standard Replies": the number is not defined further, and
    errno is what gdbserver sends).
    """

    def __init__(self, text: str, number: int = errno.EINVAL) -> None:
        super().__init__(text)
        self.text = text
        self.number = number


class RegisterAbsent(RspError):  # noqa: N818 - it is no fault of anybody's
    """A register of the register file that this backend cannot read."""


class MemoryFault(RspError):  # noqa: N818 - a fault is what the field calls it
    """An address the guest's memory does not have (or its page tables do not map)."""

    def __init__(self, text: str) -> None:
        super().__init__(text, errno.EFAULT)
