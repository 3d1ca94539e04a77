"""Fixtures of the tests of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.jobs.rollups import Publish, published


@pytest.fixture(scope="module")
def publish(tmp_path_factory: pytest.TempPathFactory) -> Publish:
    """Publishes a rollup, each just once; where it lies."""
    known: dict[str, Path] = {}

    def to(*inputs: object, **options: Any) -> Path:
        key = repr((inputs, options))
        if key not in known:
            known[key] = tmp_path_factory.mktemp("rollup") / options.get("window", "1h")
            published(known[key], *inputs, **options)
        return known[key]

    return to
