"""The name of a run."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime


def new_run_id(job: str, now: datetime | None = None) -> str:
    """An id that sorts by time: job, UTC time, eight random characters."""
    return f"{job}-{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
