"""Faults are the oracle's, wherever objects, tasks and slices are cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import pairwise
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.partials import quality as quality_module
from jobs.partials import slices
from jobs.partials.arrivals import latest_before
from jobs.partials.buckets import days
from jobs.partials.merge import merge
from jobs.partials.quality import QUALITY, AbsentValues, QualityWalk, Rules, finish
from jobs.partials.schema import PLACED
from jobs.readings import zones
from jobs.readings.model import NO_TIME, Absence, Keys
from tests.jobs.quality_oracle import Asked, Reading, quality
from tests.partials.test_slices import readings

HOUR = 3_600_000_000
LIMITS = {"t": {"min": -1.0, "step": 0.5}, "h": {"max": 1.0}}
OBJECTS = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.sampled_from(["t", "h"]),
            st.sampled_from([None, "K"]),
            st.integers(0, 60).map(lambda n: n * HOUR),
            st.sampled_from([-0.0, 0.0, 1.0, 1.0, -1.5, 1e300, "missing", "rejects"]),
        ),
        max_size=30,
    ),
    max_size=3,
)


@pytest.fixture(autouse=True, scope="module")
def _all_is_done_in_small_parts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(quality_module, "_NEW_ROWS", 2)
        patched.setattr(quality_module, "_PART_ROWS", 3)
        yield


@given(
    OBJECTS,
    st.lists(st.integers(0, 30), max_size=4),
    st.randoms(use_true_random=False),
    st.integers(1, 20),
    st.integers(1, 5),
    st.integers(2, 4),
)
def test_counts_are_the_oracles_wherever_anything_is_cut(
    objects: list[list[Reading]], cuts: list[int], random: Random, slice_rows: int, batch: int, stuck: int
) -> None:
    parts = []
    for source, rows in enumerate(objects):
        edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
        parts += [(source, part, rows[a:b]) for part, (a, b) in enumerate(pairwise(edges))]
    random.shuffle(parts)
    half = len(parts) // 2
    blocks: list[slices.Block] = []
    found: list[pa.Table] = []
    rules = Rules(days(zones.load("Europe/Berlin")), stuck, 50 * HOUR, 1, LIMITS)
    for task in (parts[:half], parts[half:]):
        keys = Keys()
        collected, absences = slices.Collected(keys, PLACED), AbsentValues(keys, rules.buckets)
        for source, part, rows in task:
            for at in range(0, len(rows), batch):
                several = rows[at : at + batch]
                some = readings([(*row[:4], row[4]) for row in several if isinstance(row[4], float)], keys)
                some.piece = (source, part)
                collected.add(some)
                for absence in Absence:
                    absent = [(*row[:4], np.nan) for row in several if row[4] == absence]
                    if absent:
                        absences.add(replace(readings(absent, keys), absence=absence))
                if random.random() < 0.3:
                    blocks += _flushed(collected)
                    found += [table for _, table in absences.flush()]
        blocks += _flushed(collected)
        found += [table for _, table in absences.flush()]
    blocks.sort(key=lambda block: slices.label(block[0]))
    walk = QualityWalk(rules)
    found += [t for now in slices.slices(blocks, Keys(), slice_rows) for _, t in walk.step(now)]
    found += [t for _, t in walk.close()]
    whole = merge(QUALITY, found)
    asked = Asked("Europe/Berlin", stuck, 50 * HOUR, date(1970, 1, 2), LIMITS)
    assert finish({QUALITY.name: whole}, rules).to_pylist() == quality(objects, asked)
    middle = len(found) // 2
    again = merge(QUALITY, [merge(QUALITY, found[middle:]), merge(QUALITY, found[:middle]), QUALITY.empty()])
    assert finish({QUALITY.name: again}, rules).equals(finish({QUALITY.name: whole}, rules))


def _flushed(collected: slices.Collected) -> list[slices.Block]:
    tables: list[pa.Table] = [table for _, table in collected.flush()]
    return [(first, partial(lambda block: block, b)) for table in tables for first, b in slices.blocks(table)]


@given(st.lists(st.tuples(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.sampled_from([NO_TIME, 0, 5]))))
def test_the_latest_before_each(runs: list[tuple[list[int], int]]) -> None:
    time = np.array([t for run, _ in runs for t in run], np.int64)
    starts = np.cumsum([0, *(len(run) for run, _ in runs)])[:-1].astype(np.int64)
    if not runs:
        return
    found = latest_before(time, starts, np.array([known for _, known in runs], np.int64))
    assert found.tolist() == [max([known, *run[:i]]) for run, known in runs for i in range(len(run))]
