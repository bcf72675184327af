"""This host's own /dev/kvm: no machine at all."""

from __future__ import annotations

from tests.kvmlab import image
from tests.kvmlab.cache import LabError
from tests.kvmlab.machine import Command, Job, Machine
from tests.kvmlab.reporter import VARIABLE
from tests.support import kvm_host


def command(job: Job) -> Command:
    """The tests, in the repository."""
    if problem := kvm_host.unavailable():
        raise LabError(problem)
    return Command(image.pytest_command(job), {VARIABLE: str(job.results)}, image.REPOSITORY)


LOCAL = Machine("local", "local", whole=False, limit=600, command=command)
