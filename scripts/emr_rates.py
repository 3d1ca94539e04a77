"""Writes the jobs' rates in jobs/emr/rates.toml, from what docs/benchmark.json measured.

python -m scripts.emr_rates
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from statistics import median
from typing import Any

from jobs.registry import all_jobs
from scripts.environment import ROOT

RATES = ROOT / "jobs" / "emr" / "rates.toml"
RESULTS = ROOT / "docs" / "benchmark.json"
_CASES = ("hdfs100m-{}/no cluster", "{}50m/ours", "{}5m/ours")
"""The case to take, the larger the better: of smaller input much is start-up."""


def measured(runs: Mapping[str, Any], names: list[str]) -> dict[str, tuple[float, str]]:
    """MB of CSV that a core of this machine took in a second of its processor time, by job, and the case and date."""
    found = {}
    for name in names:
        for case in (pattern.format(name) for pattern in _CASES):
            if case in runs:
                cpu = median(one["cpu"] for one in runs[case]["rounds"])
                found[name] = (runs[case]["bytes"] / 1e6 / cpu, f"{case}, {runs[case]['date'][:10]}")
                break
    return found


def main() -> None:
    runs = json.loads(RESULTS.read_text("utf-8"))["runs"]
    lines = [
        f'{name} = {{ mb_s = {rate:.1f}, source = "{case}" }}\n'
        for name, (rate, case) in measured(runs, list(all_jobs())).items()
    ]
    text = RATES.read_text("utf-8")
    RATES.write_text(re.sub(r"(?<=^\[jobs\]).*", "\n" + "".join(lines), text, flags=re.DOTALL | re.MULTILINE), "utf-8")


if __name__ == "__main__":
    main()
