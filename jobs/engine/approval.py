"""Nothing is spent unasked: the limit, and the question before a run starts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from jobs.emr.outlook import Outlook
from jobs.emr.telling import between, dollars
from jobs.engine.spending import Spending
from jobs.errors import RefusedError, UsageError


def limit(allowed: Spending, outlook: Outlook) -> None:
    """Raises RefusedError where a run may cost more than it is allowed to."""
    high = outlook.dollars[1]
    if allowed.max_cost is not None and high > allowed.max_cost:
        raise RefusedError(
            f"may cost up to {dollars(high)}, more than --max-cost {allowed.max_cost:g} allows",
            where="-r emr",
            fix="raise it, or read less with --from and --to",
        )


def approve(
    allowed: Spending,
    outlook: Outlook,
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
            raise UsageError(
                f"starts a cluster, for {dollars(outlook.dollars[0])} to {dollars(outlook.dollars[1])}, and there is no"
                " terminal to ask on",
                where="-r emr",
                fix="say --yes, and --max-cost for a limit; --dry-run shows the plan",
            )
        ask = _ask
    for line in lines:
        print(line, file=sys.stderr)
    low, high = outlook.dollars
    question = f"start it, for {dollars(low)} to {dollars(high)} and {between(outlook.seconds)}? [y/N] "
    if ask(question).strip().lower() not in ("y", "yes"):
        raise RefusedError("not started", where="-r emr", fix="nothing was spent")


def _ask(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()
