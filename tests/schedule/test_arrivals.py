"""Which objects arrived, which days they hold, and which of them a partition is made of."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import api
from jobs.errors import BusyError
from jobs.lake.published import read_published
from jobs.schedule import sources
from jobs.schedule.days import learn
from jobs.schedule.hours import Day, touches
from jobs.schedule.model import Source
from jobs.schedule.names import Names
from tests.schedule.nights import log

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@given(st.integers(0, 95), st.integers(0, 95), st.integers(1, 48))
def test_an_object_touches_the_time_that_its_hours_have_part_in(held: int, begin: int, length: int) -> None:
    day, hour = divmod(held, 24)
    days = [Day(date(2026, 3, 1) + timedelta(days=day), 1 << hour, 1)]
    start = MARCH + timedelta(hours=begin)
    assert touches(days, start, start + timedelta(hours=length)) == (begin <= held < begin + length)


def test_half_hours_count_as_the_hours_that_they_lie_in() -> None:
    days = [Day(date(2026, 3, 1), 1 << 5, 1)]
    assert touches(days, MARCH + timedelta(hours=5, minutes=45), MARCH + timedelta(hours=29, minutes=45))
    assert touches(days, MARCH, MARCH + timedelta(hours=5, minutes=15))
    assert not touches(days, MARCH, MARCH + timedelta(hours=5))


def _put(folder: Path, name: str, text: str = "x") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return str(path)


def test_a_listing_has_days_of_arrival_and_markers(tmp_path: Path) -> None:
    names = [
        "dt=2026-02-28/a.csv",
        "dt=2026-03-01/a.csv",
        "dt=2026-03-01/b/c.csv",
        "dt=2026-03-09/a.csv",
        "dt=soon/a.csv",
    ]
    uris = [_put(tmp_path, name) for name in names]
    marker = _put(tmp_path, "dt=2026-03-01/_dialect.toml", "")
    _put(tmp_path, "dt=2026-03-01/_notes.csv")
    days = date(2026, 2, 28), date(2026, 3, 2)
    strange = os.fsencode(tmp_path) + b"/dt=2026-03-01/\xff.csv"
    Path(os.fsdecode(strange)).touch()
    found, markers, nameless = sources.listed(Source("logs", (f"{tmp_path}/dt={{date}}/",)), *days, Names())
    assert nameless == [os.fsdecode(strange)]
    assert [(seen.uri, seen.arrived) for seen in found] == [
        (uris[0], date(2026, 2, 28)),
        (uris[1], date(2026, 3, 1)),
        (uris[2], date(2026, 3, 1)),
    ]
    assert markers == [marker]
    assert sources.relevant(markers, [uris[2]]) == [marker]
    assert sources.relevant(markers, [uris[0]]) == []


def test_a_source_where_nothing_is_yet_is_empty(tmp_path: Path) -> None:
    paths = (f"{tmp_path}/no/dt={{date}}/", f"{tmp_path}/none/")
    assert sources.listed(Source("logs", paths), date(2026, 3, 1), date(2026, 3, 2), Names()) == ([], [], [])


def test_a_pin_changes_with_the_object_its_marker_and_its_dialect(tmp_path: Path) -> None:
    uri = _put(tmp_path, "dt=2026-03-01/a.csv")
    days = date(2026, 3, 1), date(2026, 3, 1)

    def pin(dialect: str | None = None) -> str:
        (seen,), _, _ = sources.listed(Source("logs", (f"{tmp_path}/dt={{date}}/",), dialect), *days, Names())
        return seen.pin

    pins = [pin(), pin(), pin("nab")]
    _put(tmp_path, "dt=2026-03-01/_dialect.toml", "")
    pins.append(pin())
    Path(uri).write_text("more", "utf-8")
    pins.append(pin())
    assert pins[0] == pins[1]
    assert len(set(pins)) == 4


def test_the_days_of_objects_and_what_is_damaged(tmp_path: Path) -> None:
    good = _put(tmp_path, "good.csv", log("2026-03-01") + log("2026-03-02", "b").split("\n", 1)[1])
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(b"\x1f\x8b\x08\x00broken")
    found = learn([good, str(cut)], None, None)
    assert found[good] == (
        [Day(date(2026, 3, 1), 1 << 1 | 1 << 12 | 1 << 23, 3), Day(date(2026, 3, 2), 1 << 2 | 1 << 22, 2)],
        None,
    )
    days, damage = found[str(cut)]
    assert days == []
    assert damage is not None
    assert damage.startswith("at byte 0: ")


def test_an_object_named_in_full_is_read_whatever_its_folder(tmp_path: Path) -> None:
    late = _put(tmp_path, "dt=2026-05-01/late.csv", log("2026-03-01"))
    for named, rows in ((late, 1), (str(tmp_path), 0)):
        found = api.run("daily_stats", [named], since="2026-03-01", until="2026-03-02", max_lateness="0")
        assert found.num_rows == rows


def test_what_a_later_holder_published_is_not_replaced(tmp_path: Path) -> None:
    logs, out = _put(tmp_path, "a.csv", log("2026-03-01")), tmp_path / "out"
    api.publish("daily_stats", [logs], out, fence="7", ticket="input one")
    with pytest.raises(BusyError) as caught:
        api.publish("daily_stats", [logs], out, overwrite=True, fence="6", ticket="input none")
    told = f"{out}: was published under a later lease (7, ours is 6); nothing is to be done: another run does the work"
    assert str(caught.value) == told
    api.publish("daily_stats", [logs], out, overwrite=True, fence="7", ticket="input two")
    said = read_published(str(out)).provenance
    assert (said["fence"], said["ticket"]) == (7, "input two")
    assert "fence" not in said["options"]
