"""A comparison for people and programs: a table for terminals, Markdown, HTML, JSON."""

from __future__ import annotations

import html
import json
import os
import platform
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from jobs.engine.comparison import Comparison, Run
from jobs.errors import UsageError

HEAD = ("engine", "wall s", "CPU s", "read", "shuffled", "largest process", "lines of code", "result")
ON_CLUSTERS = ("containers", "start-up")
"""Where an engine runs on a cluster: how many containers, and the share of the wall time before the first task's."""
_PACKAGES = ("mrjob", "pyspark", "pyarrow", "numpy")
_BAR = 320


def text(comparison: Comparison) -> str:
    """Aligned columns."""
    rows = [*_rows(comparison)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    lines = [_title(comparison), ""]
    for row in rows:
        figures = [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *figures, row[-1]]).rstrip())
    lines += ["", *(f"{engine} is left out: {reason}" for engine, reason in comparison.skipped), _verdict(comparison)]
    return "\n".join(lines) + "\n"


def markdown(comparison: Comparison) -> str:
    """A section with a table."""
    head, *rest = _rows(comparison)
    rows = [head, ("---", *("---:",) * (len(head) - 2), "---"), *rest]
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    skipped = "".join(f"\n{engine} is left out: {reason}\n" for engine, reason in comparison.skipped)
    command = f"python -m jobs.compare {shlex.join([comparison.job, *comparison.arguments])}"
    return (
        f"## {_title(comparison)}\n\n`{command}`\n\n{table}\n{skipped}\n{_verdict(comparison)}\n\n{circumstances()}\n"
    )


def page(comparison: Comparison) -> str:
    """An HTML page that needs nothing else; a bar shows each engine's wall time."""
    longest = max(run.wall for run in comparison.runs)
    names, *of_runs = _rows(comparison)
    rows = []
    for run, texts in zip(comparison.runs, of_runs, strict=True):
        shown = "".join(f"<td>{html.escape(cell)}</td>" for cell in texts)
        bar = f'<td><div class="bar" style="width:{max(1, round(_BAR * run.wall / longest))}px"></div></td>'
        rows.append(f"<tr>{shown}{bar}</tr>")
    head = "".join(f"<th>{name}</th>" for name in (*names, "wall time"))
    skipped = "".join(f"<p>{html.escape(f'{e} is left out: {reason}')}</p>" for e, reason in comparison.skipped)
    command = html.escape(f"python -m jobs.compare {shlex.join([comparison.job, *comparison.arguments])}")
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{html.escape(_title(comparison))}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1f2328 }}
table {{ border-collapse: collapse }}
th, td {{ padding: .35rem .8rem; border-bottom: 1px solid #d1d9e0; text-align: right }}
td {{ font-variant-numeric: tabular-nums }}
th:first-child, td:first-child, th:last-child, td:last-child {{ text-align: left }}
.bar {{ background: #0969da; height: .9rem; border-radius: 2px }}
</style>
<h1>{html.escape(_title(comparison))}</h1>
<p><code>{command}</code></p>
<table>
<tr>{head}</tr>
{chr(10).join(rows)}
</table>
{skipped}
<p>{html.escape(_verdict(comparison))}</p>
<p>{html.escape(circumstances())}</p>
</html>
"""


def data(comparison: Comparison) -> str:
    """Every figure, as JSON."""
    return json.dumps({**asdict(comparison), "equal": comparison.equal, "on": circumstances()}, indent=1) + "\n"


FORMATS = {".json": data, ".md": markdown, ".html": page}
"""What writes a report, by the ending of its name."""


def write(comparison: Comparison, path: Path) -> None:
    """Write a report in the format that its name asks for."""
    path.write_text(FORMATS[path.suffix](comparison), "utf-8")


def check(path: Path) -> None:
    """Refuse a report that could not be written, before any work. Raises UsageError."""
    if path.suffix not in FORMATS:
        raise UsageError("has no known ending", where=f"--report {path}", fix=f"name it {' or '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise UsageError("its folder does not exist", where=f"--report {path}", fix=f"mkdir -p {path.parent}")


def _rows(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    """The head, and each run as texts; with the columns of clusters where one of them ran on such."""
    on_clusters = any(run.containers is not None for run in comparison.runs)
    yield (*HEAD[:-1], *(ON_CLUSTERS if on_clusters else ()), HEAD[-1])
    for run in comparison.runs:
        sizes = (_size(run.read), _size(run.shuffled), f"{run.peak:,.0f} MB")
        figures = (f"{run.wall:.2f}", f"{run.cpu:.2f}", *sizes, str(run.lines))
        yield (run.engine, *figures, *(_of_containers(run) if on_clusters else ()), _result(run))


def _result(run: Run) -> str:
    return run.difference or ("equal" if run.same_bytes else "equal rows")


def _of_containers(run: Run) -> tuple[str, str]:
    if run.containers is None or run.started is None:
        return "", ""
    return f"{run.containers:.0f}", f"{run.started / run.wall:.0%}"


def circumstances() -> str:
    """On what the figures were measured."""
    versions = []
    for name in _PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    where = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{datetime.now(UTC):%Y-%m-%d}, {where}, {', '.join(versions)}."


def _title(c: Comparison) -> str:
    objects = f"{c.objects:,} object{'' if c.objects == 1 else 's'}"
    return f"{c.job}: {objects} ({_size(c.size)}), {c.readings:,} readings, {c.rows:,} rows"


def _verdict(c: Comparison) -> str:
    rounds = f"medians of {c.rounds} rounds" if c.rounds > 1 else "one round"
    if len(c.runs) < 2:
        return f"There was nothing to compare with; {rounds}."
    differing: Sequence[str] = [run.engine for run in c.runs if run.difference]
    same = "bytes" if c.same_bytes else "rows"
    said = f"{' and '.join(differing)} gave another result" if differing else f"All gave the same {same}"
    return f"{said}; whole processes, {rounds}."


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"
