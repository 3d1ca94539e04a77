"""What a run asks of a cluster, as its plan knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MOST_NODES = 40
"""Core and task nodes of a cluster, where the user says nothing else."""


@dataclass(frozen=True, slots=True)
class Work:
    """bytes: of input; ordered: whether readings are shuffled, in the order of time; stages: how many shuffles there
    are; partitions: parts of each; tasks: how many the user asked for; passes: how often the input is read; largest:
    bytes of the largest split; rows: whether readings are shuffled as they are; packed: bytes of the input that are
    compressed, or Parquet."""

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
    rows: bool = False
    packed: int = 0

    @property
    def readings(self) -> bool:
        """Whether readings are shuffled, and not what is made of them."""
        return self.ordered or self.rows

    @property
    def shuffles(self) -> Literal["partials", "ordered", "rows", "twice"]:
        """What is shuffled: readings in the order of time, as they are, or twice, first so, then so; or results."""
        if self.rows:
            return "twice" if self.ordered else "rows"
        return "ordered" if self.ordered else "partials"
