"""Ctrl-C while a cluster of Amazon EMR works: it ends, or goes on without us."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jobs.engine.approval import goes_on, may_go_on


@contextmanager
def may_be_left(
    runner: Any, region: str, keep: Callable[[], None] | None = None, bound: str | None = None
) -> Iterator[None]:
    """A terminal is asked whether the runner's cluster goes on. keep: keeps what its result is received with; None: it
    publishes that itself. bound: why it cannot go on without us."""
    try:
        yield
    except KeyboardInterrupt:
        cluster, kind = runner.leavable, "cluster" if runner.ends_cluster else "the run on cluster"
        if cluster and bound and sys.stderr.isatty():
            print(f"\n{kind} {cluster} ends: {bound}", file=sys.stderr)
        elif cluster and not bound and may_go_on(kind, cluster, publishes=keep is None):
            if keep is not None:
                keep()
            runner.leave()
            goes_on(cluster, region, publishes=keep is None)
        raise
