"""Writes the rates of jobs and of their Spark twins in jobs/emr/rates.toml, from what docs/benchmark.json measured and,
of twins on a large file, docs/compare.md.

python -m scripts.emr_rates
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from jobs.registry import all_jobs
from scripts.environment import ROOT

RATES = ROOT / "jobs" / "emr" / "rates.toml"
RESULTS, COMPARED = ROOT / "docs" / "benchmark.json", ROOT / "docs" / "compare.md"
_OURS = ("hdfs100m-{}/no cluster", "{}50m/ours", "{}5m/ours")
_SPARK = ("{}50m/spark", "{}5m/spark")
"""The case to take, the larger the better: of smaller input much is start-up."""
_COMPARISON = re.compile(
    r"^### (\w+): (?:(?!^###).)*?^\| spark \| [\d.]+ \| ([\d.]+) \| ([\d.]+) GB (?:(?!^###).)*?^(\d{4}-\d\d-\d\d),",
    re.DOTALL | re.MULTILINE,
)
"""A job's section of docs/compare.md: processor time and input of its twin, and the date."""

Measured = dict[str, tuple[float, str]]
"""MB of CSV that a core of this machine took in a second of its processor time, and where that is from, by job."""


def measured(runs: Mapping[str, Any], names: Sequence[str]) -> Measured:
    """Of jobs. runs: those of docs/benchmark.json."""
    return dict(_cases(runs, names, _OURS))


def of_twins(runs: Mapping[str, Any], page: str, names: Sequence[str]) -> Measured:
    """Of Spark twins, of whose time on the benchmarks' small files much is Spark's start. page: docs/compare.md."""
    small = {job: (rate, f"{source}, Spark's start in it") for job, (rate, source) in _cases(runs, names, _SPARK)}
    large = {
        job: (float(gb) * 1000 / float(cpu), f"docs/compare.md, {date}")
        for job, cpu, gb, date in _COMPARISON.findall(page)
    }
    return {name: found for name in names if (found := large.get(name) or small.get(name))}


def _cases(
    runs: Mapping[str, Any], names: Sequence[str], patterns: Sequence[str]
) -> Iterator[tuple[str, tuple[float, str]]]:
    for name in names:
        if case := next((made for made in (pattern.format(name) for pattern in patterns) if made in runs), None):
            cpu = median(one["cpu"] for one in runs[case]["rounds"])
            yield name, (runs[case]["bytes"] / 1e6 / cpu, f"benchmark {case}, {runs[case]['date'][:10]}")


def _table(name: str, found: Measured) -> str:
    lines = (f'{job} = {{ mb_s = {rate:.1f}, source = "{source}" }}\n' for job, (rate, source) in found.items())
    return f"[{name}]\n{''.join(lines)}"


def main() -> None:
    runs, names = json.loads(RESULTS.read_text("utf-8"))["runs"], list(all_jobs())
    jobs, twins = measured(runs, names), of_twins(runs, COMPARED.read_text("utf-8"), names)
    text = re.sub(r"^\[jobs\].*", "", RATES.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    RATES.write_text(f"{text}{_table('jobs', jobs)}\n{_table('spark', twins)}", "utf-8")


if __name__ == "__main__":
    main()
