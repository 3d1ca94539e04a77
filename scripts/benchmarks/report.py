"""Results as tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from scripts.benchmarks.cases import CASES, GOALS, Goal

Medians = Mapping[str, Mapping[str, float]]
"""`case/label` to `wall`, `cpu` (seconds) and `peak` (MB)."""


def medians(results: Mapping[str, Any]) -> Medians:
    """The medians over the rounds of a results file."""
    return {
        run: {name: median(r[name] for r in rounds) for name in ("wall", "cpu", "peak")}
        for run, rounds in results["runs"].items()
    }


def measured(goal: Goal, by_run: Medians) -> float | None:
    """The figure that a goal is about; None where its runs were not made."""
    if not {goal.run, *goal.others} <= by_run.keys():
        return None
    name = "peak" if goal.kind == "memory" else "wall"
    ours, others = by_run[goal.run][name], [by_run[other][name] for other in goal.others]
    if not others:
        return ours
    return min(others) / ours if goal.kind == "faster" else ours / min(others)


def reached(goal: Goal, figure: float) -> bool:
    return figure >= goal.limit if goal.kind == "faster" else figure <= goal.limit


def goals_table(results: Mapping[str, Any]) -> str:
    """Every goal beside what was measured."""
    by_run = medians(results)
    rows = []
    for goal in GOALS:
        figure = measured(goal, by_run)
        sign = "≥" if goal.kind == "faster" else "≤"
        shown = "not run" if figure is None else f"{_short(figure)} {'✓' if reached(goal, figure) else '✗'}"
        rows.append((goal.text, f"{sign} {goal.limit:g}", shown))
    return table(("case", "goal", "measured"), rows) + "\n" + circumstances(results) + "\n"


def circumstances(results: Mapping[str, Any]) -> str:
    """Where and when it was measured, for the latest of the cases."""
    last = max(results["cases"].values(), key=lambda case: case["date"])
    versions = ", ".join(f"{name} {version}" for name, version in last["versions"].items())
    rounds = sorted({case["rounds"] for case in results["cases"].values()})
    times = " to ".join(str(n) for n in sorted({rounds[0], rounds[-1]})) + " round" + "s" * (rounds[-1] > 1)
    return (
        f"Medians of {times} of whole processes, files in the page cache, {last['cores']} cores "
        f"({last['processor']}), {last['system']}; {versions}; commit {last['commit']}, {last['date'][:10]}."
    )


def runs_table(results: Mapping[str, Any]) -> str:
    """Every run's medians; `÷ ours` is its time over that of the case's first run."""
    by_run = medians(results)
    rows = []
    for case in CASES:
        labels = [run.label for run in case.runs if f"{case.name}/{run.label}" in by_run]
        first = by_run.get(f"{case.name}/{case.runs[0].label}")
        for label in labels:
            m = by_run[f"{case.name}/{label}"]
            rate = results["bytes"][f"{case.name}/{label}"] / 1e6 / m["wall"]
            over = "" if first is None else f"{m['wall'] / first['wall']:.2f}"
            title = case.title if label == labels[0] else ""
            rows.append((title, label, _short(m["wall"]), _short(m["cpu"]), f"{rate:.0f}", f"{m['peak']:.0f}", over))
    return table(("case", "engine", "s", "CPU s", "MB/s", "largest process, MB", "÷ ours"), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned Markdown: the first column to the left, figures to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        right = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
        return "| " + " | ".join((cells[0].ljust(widths[0]), *right)) + " |"

    rule = "|".join(("", "-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:]), ""))
    return "\n".join((line(head), rule, *map(line, rows))) + "\n"


def _short(figure: float) -> str:
    return f"{figure:.2f}" if figure < 10 else f"{figure:.1f}" if figure < 100 else f"{figure:.0f}"
