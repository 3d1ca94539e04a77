"""What a user lets a run on EMR cost: options, the limit, and the question before it starts."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jobs.emr.outlook import MOST_NODES, Outlook
from jobs.emr.telling import between, dollars
from jobs.errors import RefusedError, UsageError

_FLAGS = {"max_cost": "--max-cost", "max_nodes": "--max-nodes", "yes": "--yes", "price_table": "--price-table"}

_MOST_ALLOWED = 1000  # nodes; beyond that EMR wants special settings


@dataclass(frozen=True, slots=True)
class Spending:
    """max_cost: USD. max_nodes: of core and task nodes. yes: whether the run starts without being asked about."""

    max_cost: float | None = None
    max_nodes: int = MOST_NODES
    yes: bool = False
    price_table: str | None = None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options, in a group of their own."""
    group = parser.add_argument_group("Amazon EMR (-r emr)")
    group.add_argument("--max-cost", metavar="USD", help="refuse to start what may cost more, with status 5")
    group.add_argument("--max-nodes", metavar="N", help=f"at most so many core and task nodes (default: {MOST_NODES})")
    group.add_argument("--yes", action="store_true", help="start without asking, as cron must")
    group.add_argument("--price-table", metavar="FILE", help="a TOML file of prices that stand above the suite's own")


def spending(options: argparse.Namespace) -> Spending:
    """What parsed options say. Raises UsageError for what is no sum of money, and no number of nodes."""
    return Spending(_money(options.max_cost), _nodes(options.max_nodes), options.yes, options.price_table)


def refuse_elsewhere(options: argparse.Namespace, engine: str) -> None:
    """Raises UsageError where an option of EMR's is given to another engine."""
    for name, flag in _FLAGS.items():
        if engine != "emr" and getattr(options, name):
            raise UsageError("is for Amazon EMR", where=flag, fix="add -r emr, or leave it out")


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


def _nodes(text: str | None) -> int:
    if text is None:
        return MOST_NODES
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MOST_ALLOWED):
        raise UsageError(f"{text!r} is no whole number from 1 to {_MOST_ALLOWED}", where="--max-nodes")
    return int(text)


def _money(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not (math.isfinite(amount) and amount >= 0):
        raise UsageError(f"{text!r} is no sum of money", where="--max-cost", fix="write it in USD, such as 12.50")
    return amount
