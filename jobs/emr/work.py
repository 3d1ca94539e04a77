"""What a run asks of a cluster, as its plan knows it."""

from __future__ import annotations

from dataclasses import dataclass

MOST_NODES = 40
"""Core and task nodes of a cluster, where the user says nothing else."""


@dataclass(frozen=True, slots=True)
class Work:
    """bytes: of input; ordered: whether readings are shuffled, in the order of time; stages: how many shuffles there
    are; partitions: parts of each; tasks: how many the user asked for; passes: how often the input is read; largest:
    bytes of the largest split."""

    job: str
    objects: int
    bytes: int
    splits: int
    ordered: bool = False
    stages: int = 1
    partitions: int = 1
    tasks: int | None = None
    passes: int = 1
    largest: int = 0
