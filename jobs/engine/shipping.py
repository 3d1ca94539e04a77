"""The option that says where nodes of a Hadoop cluster have the suite's requirements from."""

from __future__ import annotations

import argparse

from jobs.errors import UsageError

FLAG = "--dependencies"


def add_option(parser: argparse.ArgumentParser, where: str) -> None:
    """Declare the option, in a group of its own. where: the option that chooses Hadoop."""
    group = parser.add_argument_group(f"Hadoop ({where})")
    group.add_argument(
        FLAG,
        choices=("ship", "node"),
        help="NumPy, Arrow and what else tasks need: shipped with the job as they are here, or found on the node"
        " (default: shipped to a cluster elsewhere whose Python is not named)",
    )


def refuse_elsewhere(options: argparse.Namespace, *, on_hadoop: bool, fix: str) -> None:
    """Raises UsageError where the option is given to an engine that is not Hadoop's. fix: what chooses Hadoop."""
    if options.dependencies and not on_hadoop:
        raise UsageError("is for Hadoop", where=FLAG, fix=f"add {fix}, or leave it out")
