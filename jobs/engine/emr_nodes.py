"""What a cluster's nodes need before they can run tasks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jobs.engine import package
from jobs.engine.cache import cache_folder


@dataclass(frozen=True, slots=True)
class Nodes:
    """archive: unpacked beside every task, and on its path. bootstrap: commands that each node runs when it starts,
    their scripts files or S3 URIs. python: the interpreter of tasks."""

    archive: Path | None
    bootstrap: tuple[str, ...]
    python: str


def of_this_suite() -> Nodes:
    """This suite as an archive, run by a Python on the node that has pyarrow."""
    return Nodes(package.build(cache_folder() / "packages"), (), "python3.11")
