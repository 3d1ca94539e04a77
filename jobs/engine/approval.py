"""Nothing is spent unasked: the limit, and the questions before a run starts and when it is left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from jobs.emr.planned import Planned
from jobs.emr.telling import between, dollars
from jobs.engine.spending import Spending
from jobs.errors import RefusedError, UsageError

_YES = ("y", "yes")


def limit(allowed: Spending, outlook: Planned) -> None:
    """Raises RefusedError where a run may cost more, in cents, than it is allowed to."""
    high = round(outlook.dollars[1], 2)
    if allowed.max_cost is not None and high > allowed.max_cost:
        raise RefusedError(
            f"may cost up to ${high:,.2f}, more than --max-cost {allowed.max_cost:g} allows",
            where="-r emr",
            fix="raise it, or read less with --from and --to",
        )


def approve(
    allowed: Spending,
    outlook: Planned,
    lines: Sequence[str],
    ask: Callable[[str], str] | None = None,
) -> None:
    """Go on if the run is allowed: by --yes, or by whoever is asked, who first sees `lines`. ask: puts a question.

    Raises RefusedError for a run that is not, UsageError where nobody can be asked.
    """
    limit(allowed, outlook)
    if allowed.yes:
        return
    if ask is None:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            low, high = map(dollars, outlook.dollars)
            raise UsageError(
                f"starts {outlook.starts}, for {low} to {high}, and there is no terminal to ask on",
                where="-r emr",
                fix="say --yes, and --max-cost for a limit; --dry-run shows the plan",
            )
        ask = _ask
    for line in lines:
        print(line, file=sys.stderr)
    low, high = map(dollars, outlook.dollars)
    question = f"start it, for {low} to {high} and {between(outlook.seconds)}? [y/N] "
    if ask(question).strip().lower() not in _YES:
        raise RefusedError("not started", where="-r emr", fix="nothing was spent")


def may_go_on(kind: str, name: str, *, publishes: bool = True) -> bool:
    """Whether what runs on EMR goes on without us; asked on a terminal. publishes: whether its driver does, so that it
    needs us no more."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    does = "publishes and ends" if publishes else "ends"
    return _ask(f"\nleave {kind} {name} running, which {does} by itself? [y/N] ").strip().lower() in _YES


def goes_on(name: str, region: str, *, publishes: bool = True, over: bool = False) -> None:
    """Say what looks at it; or, where it does not publish itself, receives its result. over: its work is done."""
    how = "its output is kept" if over else "it goes on"
    what = "look at it" if publishes else "receive its result"
    print(f"{how}; {what}: python -m jobs.emr status {name} --region {region}", file=sys.stderr)


def _ask(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()
