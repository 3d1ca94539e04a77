"""On real logs the kernel takes nearly every line, and the result is the same bytes without it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import ROOT, run
from tests.data.real_sets import SETS, RealSet, daily


@pytest.mark.shared_data
@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_the_same_bytes_without_the_kernel(shared_data: Path, name: str) -> None:
    reference = daily(shared_data, name, kernel=False)
    note, _, rest = reference.summary.partition("\n")
    assert note == "note: the kernel is not used (JOBS_KERNEL=off); results are the same, slower"
    assert reference.output == daily(shared_data, name).output
    assert rest == re.sub(r" · kernel \S+%", "", daily(shared_data, name).summary)


@pytest.mark.shared_data
@pytest.mark.slow
@pytest.mark.parametrize(("name", "chosen"), SETS.items())
def test_nearly_every_line_of_real_logs(shared_data: Path, name: str, chosen: RealSet) -> None:
    least = 95.0 if chosen.decimal_comma else 99.0
    assert _share(daily(shared_data, name).summary) >= least


@pytest.mark.slow
def test_nearly_every_line_of_machine_written_json(tmp_path: Path) -> None:
    generator = [sys.executable, "scripts/generate_sample_data.py", "--format", "jsonl", "--rows", "200000"]
    subprocess.run([*generator, "--output", str(tmp_path / "logs")], cwd=ROOT, check=True, capture_output=True)
    outputs = []
    for switch in ("on", "off"):
        done = run("jobs.daily_stats", tmp_path / "logs", "--output-format", "csv", env={"JOBS_KERNEL": switch})
        assert done.returncode == 0, done.stderr.decode()
        outputs.append(done.stdout)
        if switch == "on":
            assert "200,000 readings" in done.stderr.decode()
            assert _share(done.stderr.decode()) >= 99.0
    assert outputs[0] == outputs[1]


def _share(summary: str) -> float:
    found = re.search(r"kernel (\S+)%", summary)
    assert found, summary
    return float(found[1])
