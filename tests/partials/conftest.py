from __future__ import annotations

import ctypes
import os

import pytest

from jobs.kernel import library


@pytest.fixture(scope="session")
def kernel() -> ctypes.CDLL:
    """The kernel; tests that need it are skipped where it is not built."""
    loaded = library.load()
    if loaded is None:
        if os.environ.get("CI") == "true" and os.environ.get("JOBS_KERNEL") != "off":
            pytest.fail(library.why_missing())
        pytest.skip(library.why_missing())
    return loaded
