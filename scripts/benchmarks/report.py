"""Results as tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from scripts.benchmarks.cases import DAILY_GOALS, GOALS
from scripts.benchmarks.model import Goal, Suite

Medians = Mapping[str, Mapping[str, float]]
"""`case/label` to `wall`, `cpu` (seconds), `peak` (MB) and what else was measured of it."""


def medians(results: Mapping[str, Any]) -> Medians:
    """The medians over the rounds of a results file."""
    return {
        run: {name: median(r[name] for r in record["rounds"]) for name in record["rounds"][0]}
        for run, record in results["runs"].items()
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


def goals_table(results: Mapping[str, Any], goals: Sequence[Goal]) -> str:
    """Every goal beside what was measured."""
    by_run = medians(results)
    rows = []
    for goal in goals:
        figure = measured(goal, by_run)
        shown = "not run" if figure is None else f"{_short(figure)} {_mark(reached(goal, figure))}"
        rows.append((goal.text, _limit(goal), shown))
    return table(("case", "goal", "measured"), rows)


def summary_table(results: Mapping[str, Any]) -> str:
    """The goals of daily_stats, and those of the other jobs in a line a group: the range of the figures."""
    by_run = medians(results)
    rows = []
    groups = dict.fromkeys(goal.group for goal in GOALS if goal.group)
    for group in sorted(groups, key=lambda group: group.startswith("all")):
        goals = [goal for goal in GOALS if goal.group == group]
        found = [(goal, figure) for goal in goals if (figure := measured(goal, by_run)) is not None]
        rows.append((group, _limit(goals[0]), _figures(found)))
    return goals_table(results, DAILY_GOALS) + "\n" + table(("other jobs", "goal", "measured"), rows)


def _figures(found: Sequence[tuple[Goal, float]]) -> str:
    """The figures of several goals in a few words."""
    if not found:
        return "not run"
    figures, held = [figure for _, figure in found], sum(reached(*one) for one in found)
    mark = _mark(held == len(found))
    if len(found) == 1:
        return f"{_short(figures[0])} {mark}"
    return f"{_short(min(figures))} to {_short(max(figures))}, {held} of {len(found)} {mark}"


def _limit(goal: Goal) -> str:
    return f"{'≥' if goal.kind == 'faster' else '≤'} {goal.limit:g}"


def _mark(is_reached: bool) -> str:
    return "✓" if is_reached else "✗"


def circumstances(results: Mapping[str, Any], suite: Suite) -> str:
    """Where, when and with what it was measured."""
    records = [record for run, record in results["runs"].items() if run in suite.runs]
    if not records:
        return "Nothing was measured."
    records.sort(key=lambda record: record["date"])
    last = records[-1]
    machines = sorted({f"{r['cores']} cores ({r['processor'] or 'unknown'}), {r['system']}" for r in records})
    versions = ", ".join(f"{name} {version}" for name, version in last["versions"].items())
    rounds = _range([len(record["rounds"]) for record in records])
    dates = _range([record["date"][:10] for record in records])
    commits = list(dict.fromkeys(record["commit"] for record in records))
    return (
        f"Medians of {rounds} round{'s' * (rounds != '1')} of whole processes, files in the page cache, "
        f"{'; '.join(machines)}; {versions}; commit{'s' * (len(commits) > 1)} {_listed(commits)}, {dates}."
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _range(items: Sequence[Any]) -> str:
    return " to ".join(str(item) for item in sorted({min(items), max(items)}))


def runs_table(results: Mapping[str, Any], suite: Suite) -> str:
    """Every run's medians; `÷ ours` is its time over that of the case's first run."""
    by_run = medians(results)
    rows = []
    for case in suite.cases:
        labels = [run.label for run in case.runs if f"{case.name}/{run.label}" in by_run]
        first = by_run.get(f"{case.name}/{case.runs[0].label}")
        for label in labels:
            m = by_run[f"{case.name}/{label}"]
            record = results["runs"][f"{case.name}/{label}"]
            rate = record["bytes"] / 1e6 / m["wall"]
            over = "" if first is None else f"{m['wall'] / first['wall']:.2f}"
            title = case.title if label == labels[0] else ""
            measured_on = (str(len(record["rounds"])), record["date"][:10])
            figures = (_short(m["wall"]), _short(m["cpu"]), f"{rate:.0f}", f"{m['peak']:.0f}", over)
            rows.append((title, label, *figures, *measured_on))
    return table(
        ("case", "engine", "s", "CPU s", "MB/s", f"largest {suite.largest}, MB", "÷ ours", "rounds", "date"), rows
    )


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
