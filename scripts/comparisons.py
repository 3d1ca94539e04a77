"""Compares three jobs on their engines on a large file, and puts the reports into docs/compare.md.

python -m scripts.comparisons [--quick] [JOB …]    (default: every job of JOBS, on 50 million rows)

The jobs differ in what they shuffle: a few partial rows, many of them, and the readings themselves. For figures to
quote, let nothing else run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.benchmarks.cases import CASES
from scripts.benchmarks.cli import CACHE
from scripts.benchmarks.inputs import prepare, warm
from scripts.environment import ROOT
from scripts.refresh_docs import replace_marked

PAGE = ROOT / "docs" / "compare.md"
JOBS = ("daily_stats", "rollup", "availability")


def report(job: str, data: Path) -> str:
    """The report on a file, as a section below a heading of the page. Raises CalledProcessError for unequal results."""
    with tempfile.TemporaryDirectory(prefix="comparison-") as folder:
        path = Path(folder) / "report.md"
        command = [sys.executable, "-m", "jobs.compare", job, data.name, "--report", str(path)]
        subprocess.run(command, cwd=data.parent, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
        return f"#{path.read_text('utf-8')}"


def put(text: str, sections: dict[str, str]) -> str:
    """The page with these sections in their places; the others stay."""
    for job, section in sections.items():
        text = replace_marked(text, f"comparison of {job}", section)
    return text


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.comparisons", allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="on half a million rows, printed only")
    parser.add_argument("job", nargs="*", default=JOBS, metavar="JOB", help=f"which (default: {', '.join(JOBS)})")
    options = parser.parse_args()
    for job in options.job:
        if job not in JOBS:
            parser.error(f"the page has no place for {job}; it has for {', '.join(JOBS)}")
    case = next(case for case in CASES if case.name == "csv50m")
    with tempfile.TemporaryDirectory(prefix="comparison-") as folder:
        given = prepare(case, Path(folder) if options.quick else CACHE, quick=options.quick)[""]
        warm(given)
        for job in options.job:
            section = report(job, given.path)
            if not options.quick:  # job by job, as each takes minutes
                PAGE.write_text(put(PAGE.read_text("utf-8"), {job: section}), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
