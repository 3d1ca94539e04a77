"""How much random input tests draw: JOBS_FUZZ_ROUNDS multiplies it, 0.2 in the quick subset, 3 under the sanitizers."""

from __future__ import annotations

import os

_SHARE = float(os.environ.get("JOBS_FUZZ_ROUNDS", "1"))


def rounds(count: int) -> int:
    """How many of usually `count` examples to draw; at least two."""
    return max(2, round(count * _SHARE))
