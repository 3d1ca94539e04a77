"""Statistics by site: the same by either join, in any order, and those of sites chosen by hand."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.partials import buckets, moments
from jobs.partials.grouping import grouped
from jobs.partials.merge import merge
from jobs.partials.places import (
    ALWAYS,
    DEVICES,
    SEEN,
    UNMATCHED,
    Located,
    Named,
    Placed,
    Places,
    devices_seen,
    moved,
    parted,
    regrouped,
    site_and_device,
    the_site,
)
from jobs.partials.schema import SKETCH, STATS, Accumulator
from jobs.partials.sketch import Sketch
from jobs.partials.slices import Collected
from jobs.readings import zones
from jobs.readings.model import Keys
from tests.effort import rounds
from tests.partials.numbers import ROWS, Row, batch, gathered

KINDS = {kind.name: kind for kind in (STATS, SKETCH, SEEN)}
DAYS, SKETCHED = buckets.days(zones.load("UTC")), Sketch(0.01)
_TIME = st.one_of(st.integers(1_774_656_000_000_000, 1_774_915_200_000_000), st.integers(-(2**62), 2**62))


@st.composite
def metadata(draw: st.DrawFn) -> pa.Table:
    """Intervals of some devices that do not overlap, in any order; some of them without bounds."""
    rows: list[tuple[str, str, int, int]] = []
    for device in draw(st.lists(st.sampled_from(["a", "a ", "é", "other"]), unique=True)):
        times = sorted(draw(st.lists(_TIME, unique=True, max_size=4)))
        bounds = [ALWAYS[0], *times, ALWAYS[1]]
        kept = draw(st.lists(st.booleans(), min_size=len(bounds) - 1, max_size=len(bounds) - 1))
        sites = draw(st.lists(st.sampled_from(["x", "y", "ż"]), min_size=len(kept), max_size=len(kept)))
        spans = zip(sites, bounds, bounds[1:], kept, strict=False)
        rows += [(device, site, begin, end) for site, begin, end, keep in spans if keep]
    shuffled = draw(st.permutations(rows))
    columns = [list(column) for column in zip(*shuffled, strict=True)] or [[]] * 4
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, DEVICES.columns, strict=True)], DEVICES.columns)


def opened(keys: Keys) -> Accumulator:
    return moments.open_moments(keys, DAYS, SKETCHED, True, passing=False)


def site_of(known: pa.Table, device: str, time: int) -> str:
    for row in known.to_pylist():
        if row["device_id"] == device and row["valid_from"] <= time < row["valid_to"]:
            return str(row["site"])
    return UNMATCHED


def statistics(partials: Iterable[tuple[str, pa.Table]]) -> tuple[list[str], list[str]]:
    """What comes of partial rows: statistics by site, and the devices seen."""
    found = gathered(partials)
    stats, sketch, seen = (merge(kind, [found.get(kind.name, kind.empty())]) for kind in (STATS, SKETCH, SEEN))
    finished = moments.finish(stats, sketch, [0.5], SKETCHED)
    return list(map(repr, finished.to_pylist())), sorted(map(repr, seen.to_pylist()))


def flushed(accumulator: Accumulator, batches: Iterable[list[Row]], keys: Keys) -> list[tuple[str, pa.Table]]:
    for rows in batches:
        accumulator.add(batch(rows, keys))
    return list(accumulator.flush())


@settings(max_examples=rounds(60))
@given(metadata(), ROWS, st.integers(0, 30))
def test_both_joins_give_the_statistics_of_the_sites_chosen_by_hand(known: pa.Table, rows: list[Row], cut: int) -> None:
    places, keys = Places(known), Keys()
    parts = [rows[:cut], rows[cut:]]
    broadcast = flushed(Placed(keys, places, opened), parts, keys)

    by_hand_keys = Keys()
    by_hand: list[Row] = [(r[0], site_of(known, r[1], r[0]), *r[2:]) for r in rows]
    found, seen = statistics(broadcast)
    assert found == statistics(flushed(opened(by_hand_keys), [by_hand], by_hand_keys))[0]

    pairs = {
        (site_of(known, r[1], r[0]), r[2], r[3], int(DAYS.of(batch([r], Keys()).timestamp)[0]), r[1]) for r in rows
    }
    assert seen == sorted(repr(dict(zip(SEEN.columns.names, pair, strict=True))) for pair in pairs)

    other_keys = Keys()
    inner: Accumulator = (
        Collected(other_keys) if moved(known) else moments.open_moments(other_keys, DAYS, SKETCHED, True)
    )
    by_device = gathered(flushed(inner, parts[::-1], other_keys))
    reduced = regrouped(by_device, places, opened)
    assert statistics(reduced.items()) == (found, seen)


@pytest.mark.parametrize("named", [the_site, site_and_device])
@settings(max_examples=rounds(60))
@given(known=metadata(), rows=ROWS, cut=st.integers(0, 30))
def test_groups_by_site_are_those_of_sites_chosen_by_hand(
    known: pa.Table, rows: list[Row], cut: int, named: Named
) -> None:
    keys, by_hand_keys = Keys(), Keys()
    located = grouped(keys, Located(keys, Places(known), named), opened)
    found = statistics(flushed(located, [rows[:cut], rows[cut:]], keys))
    by_hand: list[Row] = [(r[0], group(named, r[1], site_of(known, r[1], r[0])), *r[2:]) for r in rows]
    assert found == statistics(flushed(opened(by_hand_keys), [by_hand], by_hand_keys))


def group(named: Named, device: str, site: str) -> str:
    return str(named(pa.array([device]), pa.array([site]))[0])


_TEXT = st.one_of(st.text(alphabet=":~01é𝄞 "), st.text())


@given(st.lists(st.tuples(_TEXT, _TEXT)))
def test_site_and_device_are_parted_again(pairs: list[tuple[str, str]]) -> None:
    devices, sites = (pa.array([pair[i] for pair in pairs], pa.string()) for i in range(2))
    both = site_and_device(devices, sites)
    assert [column.to_pylist() for column in parted(pa.chunked_array([both]))] == [
        sites.to_pylist(),
        devices.to_pylist(),
    ]
    assert len(set(both.to_pylist())) == len(set(pairs))


@given(metadata(), ROWS)
def test_devices_are_counted_in_the_order_of_the_statistics(known: pa.Table, rows: list[Row]) -> None:
    keys = Keys()
    merged = {
        name: merge(KINDS[name], [table])
        for name, table in gathered(flushed(Placed(keys, Places(known), opened), [rows], keys)).items()
    }
    if rows:
        finished = moments.finish(merged[STATS.name]).to_pylist()
        devices: dict[tuple[object, ...], set[str]] = {}
        for row in merged[SEEN.name].to_pylist():
            devices.setdefault((row["device_id"], row["metric"], row["unit"], row["bucket"]), set()).add(row["device"])
        by_key = {key[:3]: 0 for key in devices}
        for key, some in devices.items():
            by_key[key[:3]] += len(some)
        counts = devices_seen(merged[SEEN.name]).tolist()
        found = dict.fromkeys(by_key, 0)
        for row, count in zip(finished, counts, strict=True):
            found[row["device_id"], row["metric"], row["unit"]] += count
        assert found == by_key
