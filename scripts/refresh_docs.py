"""Rewrites what the documentation shows where it no longer agrees with what its commands print.

python -m scripts.refresh_docs [PAGE …]    (default: README.md and docs/)

A `…` line keeps its place: as many lines as stood before and after it are shown again. What stands between
`<!-- goals:start -->` and `<!-- goals:end -->`, or another name of TABLES, becomes that table of the results in
docs/benchmark.json, which `python scripts/benchmark.py --json docs/benchmark.json` writes; between those of `jobs`,
the table of the jobs.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jobs.registry import all_jobs
from scripts.benchmarks import cases, hadoop_cases
from scripts.benchmarks.model import Suite
from scripts.benchmarks.report import circumstances, goals_table, runs_table, summary_table
from scripts.console import ELISION, ROOT, Command, Sandbox, agrees, blocks, masked, pages

RESULTS = ROOT / "docs" / "benchmark.json"
TABLES: Mapping[str, tuple[Suite, Callable[[Mapping[str, Any]], str]]] = {
    "summary": (cases.SUITE, summary_table),
    **{
        f"{prefix}{kind}": (suite, table)
        for prefix, suite in (("", cases.SUITE), ("hadoop-", hadoop_cases.SUITE))
        for kind, table in (
            ("goals", partial(goals_table, goals=suite.goals)),
            ("runs", partial(runs_table, suite=suite)),
        )
    },
}
"""The tables of benchmark results, by the names of their places, with what was measured together."""


def cut(shown: Sequence[str], printed: Sequence[str]) -> list[str]:
    """The printed lines, elided where the page elided them."""
    if ELISION not in shown:
        return list(printed)
    before, after = shown.index(ELISION), len(shown) - 1 - shown[::-1].index(ELISION)
    tail = len(shown) - after - 1
    if before + tail >= len(printed):
        return list(printed)
    return [*printed[:before], ELISION, *printed[len(printed) - tail :]]


def refresh(page: Path, folder: Path) -> int:
    """Rewrite one page's outputs; returns how many changed."""
    sandbox = Sandbox.create(folder)
    changes: list[tuple[Command, list[str]]] = []
    for block in blocks(page):
        if block.not_run or block.needs or block.kind != "console":
            continue
        for result in sandbox.run(block):
            shown = result.command.shown
            actual = [masked(line, sandbox.folder) for line in result.lines]
            if shown and not agrees([masked(line) for line in shown], actual):
                changes.append((result.command, cut(shown, result.lines)))
    lines = page.read_text("utf-8").splitlines()
    for command, new in reversed(changes):
        start = command.line + command.text.count("\n")
        while not lines[start].strip():
            start += 1
        lines[start : start + len(command.shown)] = new
    if changes:
        page.write_text("\n".join(lines) + "\n", "utf-8")
    return len(changes)


def replace_marked(text: str, name: str, content: str) -> str:
    """The text with what stands between the markers `name`:start and `name`:end replaced."""
    pattern = re.compile(rf"(<!-- {name}:start -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
    return pattern.sub(lambda found: found[1] + content + found[2], text)


def refresh_figures(page: Path, results: Mapping[str, Any]) -> None:
    """Rewrite the tables of benchmark results where a page has a place for them."""
    text = page.read_text("utf-8")
    for name, (suite, table) in TABLES.items():
        if f"<!-- {name}:start -->" in text:
            text = replace_marked(text, name, f"{table(results)}\n{circumstances(results, suite)}\n")
    page.write_text(text, "utf-8")


def jobs_table() -> str:
    """The jobs with their questions, each linked to its page."""
    rows = [f"| [{job.NAME}](docs/{job.NAME}.md) | {job.QUESTION} |" for job in all_jobs().values()]
    return "\n".join(["| job | question |", "|---|---|", *rows, ""])


def main() -> int:
    for page in [Path(name).resolve() for name in sys.argv[1:]] or pages():
        with tempfile.TemporaryDirectory(prefix="sensor-jobs-docs-") as folder:
            print(f"{page.relative_to(ROOT)}: {refresh(page, Path(folder))} outputs refreshed", flush=True)
        text = page.read_text("utf-8")
        if (current := replace_marked(text, "jobs", jobs_table())) != text:
            page.write_text(current, "utf-8")
        if RESULTS.exists():
            refresh_figures(page, json.loads(RESULTS.read_text("utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
