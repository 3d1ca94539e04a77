"""What a user lets a run on EMR cost, as options say it."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

from jobs.emr.work import MOST_NODES
from jobs.errors import UsageError

FLAGS = {
    "max_cost": "--max-cost",
    "max_nodes": "--max-nodes",
    "architecture": "--architecture",
    "yes": "--yes",
    "price_table": "--price-table",
}
"""The options, by the names of what they set."""
_ARCHITECTURES = ("aarch64", "x86_64")
_MOST_ALLOWED = 1000  # nodes; beyond that EMR wants special settings


@dataclass(frozen=True, slots=True)
class Spending:
    """max_cost: USD. max_nodes: of core and task nodes. architecture: of the nodes, None for the usual one. yes:
    whether the run starts without being asked about."""

    max_cost: float | None = None
    max_nodes: int = MOST_NODES
    architecture: str | None = None
    yes: bool = False
    price_table: str | None = None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options, in a group of their own."""
    group = parser.add_argument_group("Amazon EMR (-r emr)")
    group.add_argument("--max-cost", metavar="USD", help="refuse to start what may cost more, with status 5")
    group.add_argument("--max-nodes", metavar="N", help=f"at most so many core and task nodes (default: {MOST_NODES})")
    group.add_argument("--architecture", metavar="ARCH", help="of the nodes: aarch64 (Graviton, the default) or x86_64")
    group.add_argument("--yes", action="store_true", help="start without asking, as cron must")
    group.add_argument("--price-table", metavar="FILE", help="a TOML file of prices that stand above the suite's own")


def spending(options: argparse.Namespace) -> Spending:
    """What parsed options say. Raises UsageError for what is no sum of money, and no number of nodes
    and no processor."""
    return Spending(
        _money(options.max_cost),
        _nodes(options.max_nodes),
        _architecture(options.architecture),
        options.yes,
        options.price_table,
    )


def refuse_elsewhere(options: argparse.Namespace, engine: str) -> None:
    """Raises UsageError where an option of EMR's is given to another engine."""
    for name, flag in FLAGS.items():
        if engine != "emr" and getattr(options, name):
            raise UsageError("is for Amazon EMR", where=flag, fix="add -r emr, or leave it out")


def _nodes(text: str | None) -> int:
    if text is None:
        return MOST_NODES
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MOST_ALLOWED):
        raise UsageError(f"{text!r} is no whole number from 1 to {_MOST_ALLOWED}", where="--max-nodes")
    return int(text)


def _architecture(text: str | None) -> str | None:
    if text not in (None, *_ARCHITECTURES):
        fix = f"choose from {', '.join(_ARCHITECTURES)}"
        raise UsageError(f"{text!r} is no processor of nodes", where="--architecture", fix=fix)
    return text


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
