"""What a run tells its user on standard error, and the plan that --dry-run prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from jobs.engine.driver import Outcome
from jobs.engine.options import Settings
from jobs.engine.plan import Piece, Plan
from jobs.errors import in_one_line

_MOST_SHOWN = 100  # splits


def summary(outcome: Outcome) -> Iterator[str]:
    """The closing lines: objects, readings, rejects by reason, seconds, MB/s."""
    report, tally = outcome.report, outcome.report.tally
    objects = len(outcome.plan.objects)
    line = [
        f"{_counted(objects, 'object')} ({megabytes(report.size)})",
        _counted(tally.readings, "reading")
        + (f" ({report.selected:,} selected)" if report.selected != tally.readings else ""),
    ]
    if tally.missing:
        line.append(f"{tally.missing:,} missing")
    if tally.excluded:
        line.append(f"{tally.excluded:,} excluded by quality")
    if outcome.run.settings.deduplicate:
        line.append(_counted(report.repeats, "repeat") + " left out")
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(tally.rejects.items()))
    line.append(_counted(report.rejected, "reject") + (f" ({reasons})" if reasons else ""))
    if tally.lines and outcome.run.kernel:
        line.append(f"kernel {tally.kernel_lines / tally.lines:.1%}")
    line.append(f"{outcome.seconds:.2f} s")
    line.append(f"{report.size / 1e6 / max(outcome.seconds, 1e-9):,.1f} MB/s")
    yield " · ".join(line)
    if outcome.plan.pruned_objects:
        passed = f"{_counted(outcome.plan.pruned_objects, 'object')} ({megabytes(outcome.plan.pruned_bytes)})"
        yield f"{passed} passed over: {_pruned(outcome.run.settings)}"
    for reject in report.examples:
        column = f" in {reject.column}" if reject.column else ""
        yield f"  reject: {in_one_line(reject.object)} {reject.where}: {reject.reason}{column}: {_short(reject.text)}"
    for damage in report.damage:
        yield f"  damaged: {in_one_line(damage.object)} at byte {damage.offset:,}: {damage.what}"
    if tally.readings and not report.selected:
        yield f"note: no reading is what this run is about, by {_filters(outcome.run.settings)}"
    yield from (f"note: {note}" for note in outcome.notes)
    yield from outcome.account.lines if outcome.account else ()
    if outcome.published:
        yield f"published in {outcome.published} (run {outcome.run.id})"
        if outcome.laid_out:
            share = outcome.size / max(report.size, 1)
            yield f"{_counted(outcome.files, 'file')} ({megabytes(outcome.size)}), {share:.0%} of the bytes read"
    if outcome.timed:
        logs, lake = outcome.timed
        took = f"counted by day in {logs:.2f} s from the logs, in {lake:.2f} s from these"
        yield f"{took}: {logs / lake:.1f} times as fast"


def plan_lines(plan: Plan, tasks: int | None) -> Iterator[str]:
    """The plan for people: totals, formats, then a line a split. tasks: None where others tell of them."""
    objects = len(plan.objects)
    splits = f"{_counted(len(plan.splits), 'split')} of at most {megabytes(plan.split_size)}"
    shown = f", {_counted(min(tasks, len(plan.splits)), 'task')}" if tasks else ""
    yield f"{_counted(objects, 'object')}, {megabytes(plan.size)}, {splits}{shown}"
    if plan.pruned_objects:
        yield f"{_counted(plan.pruned_objects, 'object')} ({megabytes(plan.pruned_bytes)}) pruned by their dt= folders"
    if plan.looked_at:
        formats = Counter(_format(piece) for split in plan.splits for piece in split.pieces)
        yield "formats: " + ", ".join(f"{name} {count:,}" for name, count in sorted(formats.items()))
    else:
        yield "formats: too many objects to look at; each task sees what its own are"
    for split in plan.splits[:_MOST_SHOWN]:
        first = _piece(split.pieces[0])
        more = f" … {_piece(split.pieces[-1])} ({len(split.pieces):,} objects)" if len(split.pieces) > 1 else ""
        yield f"{split.index:>6}  {megabytes(split.size):>10}  {first}{more}"
    if (left := len(plan.splits) - _MOST_SHOWN) > 0:
        yield f"and {_counted(left, 'more split')}"


def _pruned(settings: Settings) -> str:
    """Why objects were passed over, in words."""
    before = "before --from"
    after = f"more than {settings.max_lateness} days after --to (--max-lateness takes in more)"
    given = ((settings.since, before), (settings.until, after))
    return f"their dt= folders lie {' or '.join(words for limit, words in given if limit is not None)}"


def _filters(settings: Settings) -> str:
    """What selects readings, in words."""
    globs = (("--metric", settings.metrics), ("--device", settings.devices))
    limits = (("--from", settings.since), ("--to", settings.until))
    given = [f"{flag} {glob}" for flag, found in globs for glob in found]
    given += [flag for flag, limit in limits if limit is not None]
    return " and ".join(given or ["the job's own options"])


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def megabytes(size: int) -> str:
    """Bytes in the unit that reads best."""
    if size < 1_000:
        return f"{size} B"
    if size < 1_000_000:
        return f"{size / 1e3:.1f} kB"
    return f"{size / 1e6:,.1f} MB" if size < 1_000_000_000 else f"{size / 1e9:,.2f} GB"


def _format(piece: Piece) -> str:
    if piece.object.uri == "-":
        return "standard input"
    dialect = f" ({piece.dialect})" if piece.dialect else ""
    return (piece.format or "compressed") + dialect


def _piece(piece: Piece) -> str:
    name = in_one_line(piece.object.uri)
    if piece.row_groups:
        return f"{name} row groups {piece.row_groups[0]}–{piece.row_groups[-1]}"
    if piece.row_groups is None and (piece.start or piece.end is not None):
        return f"{name} bytes {piece.start:,}–{'end' if piece.end is None else f'{piece.end:,}'}"
    return name


def _short(text: str, width: int = 100) -> str:
    shown = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return shown if len(shown) <= width else shown[: width - 1] + "…"
