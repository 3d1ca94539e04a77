"""How many map and reduce tasks a run on Hadoop has: one container each, whose start is dear."""

from __future__ import annotations

BYTES_PER_TASK = 1 << 30
"""A container takes as long to start as this many bytes to be read."""
READINGS_PER_REDUCE = 256 << 20
"""Bytes of input for a reduce task, where its readings themselves are shuffled."""
MOST_MAPS = 20_000
"""An application master of usual memory can follow so many; each then takes several splits."""

MEMORY_MB = {False: 1408, True: 3072}
"""Of a container, with room for its JVM, by whether readings are shuffled: the largest measured took 540 MB and 851."""
_HEAP = 1 / 3
"""Of a container's memory, for its JVM; the rest is the task's own."""
_LEAN = "-XX:CompressedClassSpaceSize=64m -XX:ReservedCodeCacheSize=64m"
"""Without these a JVM has 1.2 GB more of addresses than it uses, which YARN by its default counts."""


def memory(megabytes: int, *roles: str) -> dict[str, str]:
    """Hadoop's properties of containers so large. roles: of map tasks, reduce tasks, or both."""
    return {
        f"mapreduce.{role}.{key}": value
        for role in roles
        for key, value in (("memory.mb", str(megabytes)), ("java.opts", f"-Xmx{int(megabytes * _HEAP)}m {_LEAN}"))
    }


def lines_per_map(size: int, splits: int, cores: int, asked: int | None = None) -> int:
    """How many splits a map task takes. size: bytes of input; asked: how many tasks the user wants."""
    maps = asked or min(MOST_MAPS, max(cores, -(-size // BYTES_PER_TASK)))
    return max(1, -(-splits // maps))


def reduce_tasks(size: int, partitions: int, asked: int | None = None, *, ordered: bool = False) -> int:
    """ordered: whether readings are shuffled, not what was made of them."""
    reduces = -(-size // (READINGS_PER_REDUCE if ordered else BYTES_PER_TASK))
    return max(1, min(reduces, partitions, asked or reduces))
