"""Dealing a plan to mrjob's simulated tasks: whole splits to map tasks, whole partitions to reduce tasks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from jobs.engine.plan import Split, share
from jobs.engine.shuffle import block_size


class PlannedTasks:
    """Deals plan lines to map tasks and partitions to reduce tasks by the bytes they stand for."""

    num_tasks: int

    _yield_split_fileobjs: Callable[[str, int], Iterator[IO[bytes]]]
    _sorted_reducer_input_path: Callable[[int], str]

    def _split_mapper_input(self, input_paths: Iterable[str], step_num: int) -> list[dict[str, Any]]:
        lines = [line for path in input_paths for line in Path(path).read_bytes().splitlines(keepends=True)]
        sizes = [Split.size_of(line) if step_num == 0 else 1 for line in lines]
        shares = list(share(lines, sizes, self.num_tasks))
        self._deal("mapper", step_num, shares)
        return [{"file": "plan", "start": 0, "length": len(lines)} for lines in shares]

    def _split_reducer_input(self, step_num: int) -> int:
        lines = Path(self._sorted_reducer_input_path(step_num)).read_bytes().splitlines(keepends=True)
        parts = [list(group) for _, group in itertools.groupby(lines, _key)]
        shares = [list(itertools.chain(*dealt)) for dealt in share(parts, [_size(p) for p in parts], self.num_tasks)]
        self._deal("reducer", step_num, shares)
        return len(shares)

    def _deal(self, role: str, step_num: int, shares: Sequence[Sequence[bytes]]) -> None:
        for lines, file in zip(shares, self._yield_split_fileobjs(role, step_num), strict=False):
            with file:
                file.writelines(lines)


def _key(line: bytes) -> bytes:
    return line.partition(b"\t")[0]


def _size(lines: list[bytes]) -> int:
    """The bytes of the blocks that a partition's lines refer to; a report counts as its own text."""
    return sum(block_size(line.decode()) if line.count(b"\t") > 1 else len(line) for line in lines)
