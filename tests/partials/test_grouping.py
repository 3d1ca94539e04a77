"""Groups of devices: the same partial rows as of readings whose devices bear the group's name."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.partials import moments
from jobs.partials.buckets import days
from jobs.partials.grouping import Devices, Grouped, GroupOf, grouped, together
from jobs.partials.merge import merge
from jobs.partials.schema import STATS, Accumulator
from jobs.partials.sketch import Sketch
from jobs.readings.kernel_keys import new_keys
from jobs.readings.model import Keys
from jobs.readings.zones import load
from tests.effort import rounds
from tests.partials.numbers import ROWS, Row, batch, gathered


def initial(devices: pa.StringArray) -> pa.StringArray:
    return pc.utf8_slice_codeunits(devices, 0, 1)


@settings(max_examples=rounds(40))
@given(st.lists(ROWS, max_size=4), st.sampled_from([together, initial]), st.booleans())
def test_groups_accumulate_as_devices_of_their_names(parts: list[list[Row]], by: GroupOf, kernel: bool) -> None:
    def opened(keys: Keys) -> Accumulator:
        return moments.open_moments(keys, days(load("Europe/Berlin")), Sketch(0.01), kernel)

    keys, plain = new_keys(kernel), new_keys(kernel)
    found, expected = grouped(keys, by, opened), opened(plain)
    for part in parts:  # devices that are new in a later batch too
        found.add(batch(part, keys))
        expected.add(batch([(row[0], name(row[1], by), *row[2:]) for row in part], plain))
    assert (found.groups, found.nbytes) == (expected.groups, expected.nbytes)
    one, other = gathered(found.flush()), gathered(expected.flush())
    assert one.keys() == other.keys()
    for kind, table in one.items():
        schema = moments.KINDS[kind]
        order = [(key, "ascending") for key in schema.keys]
        assert merge(schema, [table]).sort_by(order).equals(merge(schema, [other[kind]]).sort_by(order))


def name(device: str, by: GroupOf) -> str:
    return "" if by is together else device[:1]


def test_codes_of_groups_never_change() -> None:
    keys = Keys()
    groups = Grouped(keys, Devices(keys, initial))
    first = groups.apply(batch([(0, "north-1", "m", None, 1.0), (0, "south-1", "m", "V", 2.0)], keys))
    more = groups.apply(batch([(0, "east-1", "m", None, 3.0), (0, "south-2", "n", None, 4.0)], keys))
    assert (first.device.tolist(), more.device.tolist()) == ([0, 1], [2, 1])
    assert first.device.dtype == np.int32
    assert first.keys is groups
    assert groups.device_texts().to_pylist() == ["n", "s", "e"]
    assert groups.device_count == 3
    assert groups.series_texts() == keys.series_texts() == [("m", None), ("m", "V"), ("n", None)]
    assert (groups.series_count, groups.series("n"), keys.device_count) == (3, 2, 4)


def test_all_together_is_one_group() -> None:
    assert together(pa.array(["a", "b"])).to_pylist() == ["", ""]
    keys = Keys()
    accumulator = grouped(keys, together, lambda k: moments.open_moments(k, days(load("UTC")), None, kernel=False))
    accumulator.add(batch([(0, str(i), "m", None, float(i)) for i in range(100)], keys))
    (row,) = gathered(accumulator.flush())[STATS.name].to_pylist()
    assert (row["device_id"], row["metric"], row["count"]) == ("", "m", 100)
