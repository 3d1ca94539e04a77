"""Commands on the cluster start Spark in processes of their own."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def spark_session() -> None:
    """No session in this process."""
