"""A factor for all limits of time in tests: more than 1 on a machine that is itself emulated."""

from __future__ import annotations

import os

VARIABLE = "KVMGDB_TESTS_PATIENCE"

PATIENCE = float(os.environ.get(VARIABLE, "1"))
