"""Jobs that fail, for tests that write them beside what they read."""

from __future__ import annotations

BROKEN = """
from jobs.daily_stats import DailyStats

class Broken(DailyStats):
    NAME = "broken"

    @classmethod
    def accumulator(cls, run, keys):
        return object()

if __name__ == "__main__":
    Broken.run()
"""
"""Its tasks come upon a defect at their first reading."""
