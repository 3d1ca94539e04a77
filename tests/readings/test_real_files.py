"""The shipped dialects on real files: counts, sums and extremes as published with the data or computed elsewhere."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from math import fsum
from pathlib import Path

import numpy as np
import pytest

from jobs.readings import dialect_file
from jobs.readings.dialect import Format
from jobs.readings.kernel_keys import new_keys
from jobs.readings.model import Float64Array, Int64Array, Readings, Reason, Reject, Tally, in_record_order
from jobs.readings.part import Part, Sink
from jobs.readings.reader import read_part
from jobs.readings.zones import DAY
from tests.readings.definition import RUN_START, Trickle

pytestmark = [pytest.mark.shared_data, pytest.mark.parametrize("kernel", [False, True], ids=["reference", "kernel"])]

Texts = tuple[str, str, str | None]


class Reader:
    """Reads files with one dialect into columns with texts for keys."""

    def __init__(self, dialect: str, kernel: bool, fmt: Format = "delimited") -> None:
        self.dialect, self.fmt, self.kernel = dialect_file.load(dialect), fmt, kernel
        self.keys, self.tally = new_keys(kernel), Tally()
        self.rejects: list[tuple[str, Reject]] = []

    def read(self, path: Path) -> Readings:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        sink = Sink(self.keys, self.tally, lambda r: self.rejects.append((path.name, r)), RUN_START, self.kernel)
        batches = read_part(Trickle(content, [1 << 20]), Part(str(path)), self.dialect, self.fmt, sink)
        found = in_record_order(batch.take(np.arange(len(batch))) for batch in batches)
        assert found is not None
        return found

    def by_key(self, paths: Iterable[Path]) -> dict[Texts, tuple[Int64Array, Float64Array]]:
        """(timestamps, values) by device, metric and unit."""
        parts: dict[tuple[int, int], list[Readings]] = defaultdict(list)
        for path in paths:
            found = self.read(path)
            pairs = found.device.astype(np.int64) << 32 | found.series
            for pair in np.unique(pairs).tolist():
                parts[pair >> 32, pair & 0xFFFFFFFF].append(found.take(pairs == pair))
        devices, series = self.keys.device_texts().to_pylist(), self.keys.series_texts()
        return {
            (devices[d], *series[s]): (
                np.concatenate([p.timestamp for p in some]),
                np.concatenate([p.value for p in some]),
            )
            for (d, s), some in parts.items()
        }


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _day(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000 // DAY


@pytest.mark.slow
def test_sensor_community(shared_data: Path, kernel: bool) -> None:
    folder = shared_data / "sensor_community"
    files = sorted(folder.glob("luftdaten/*/*.csv"))
    reader = Reader("sensor_community", kernel)
    found = reader.by_key(files)
    assert len(files) == 4010
    assert sum(len(v) for key, (_, v) in found.items() if key[1] == "P1") == 2_188_882
    assert sum(len(v) for key, (_, v) in found.items() if key[1] == "P2") == 2_188_879
    assert reader.tally.missing == 5
    assert [(name, r.reason, r.line) for name, r in reader.rejects] == [
        ("2019-01-17_sds011_sensor_5331.csv", Reason.FIELD_COUNT, 126)
    ]
    for row in _rows(folder / "reference" / "by_sensor.csv"):
        for metric in ("p1", "p2"):
            values = found[row["sensor_id"], metric.upper(), "µg/m³"][1]
            assert len(values) == int(row[f"{metric}_n"])
            assert (values.min(), values.max()) == (float(row[f"{metric}_min"]), float(row[f"{metric}_max"]))
            assert f"{fsum(values):.2f}" == row[f"{metric}_sum"]
    days = {}
    for (device, metric, _), (times, values) in found.items():
        if metric == "P1":
            for day in np.unique(times // DAY).tolist():
                days[device, day] = values[times // DAY == day]
    reference = _rows(folder / "reference" / "daily_p1_mean.csv")
    assert len(reference) == len(days)
    for row in reference:
        values = days[row["sensor_id"], _day(row["utc_day"])]
        assert (len(values), f"{fsum(values):.2f}") == (int(row["p1_n"]), row["p1_sum"])


@pytest.mark.slow
def test_beijing(shared_data: Path, kernel: bool) -> None:
    folder = shared_data / "uci_beijing_prsa"
    reader = Reader("prsa", kernel)
    found = reader.by_key(sorted(folder.glob("*.csv")))
    assert reader.tally.lines == 12 * 35_064
    assert [(name, r.reason, r.column) for name, r in reader.rejects] == [
        ("PRSA_Data_Aotizhongxin_20130301-20170228.csv", Reason.VALUE, "SO2")  # a blank, where others have NA
    ]
    reference = _rows(folder / "reference" / "pm25_by_station_year.csv")
    assert len(reference) == 12 * 5
    for row in reference:
        times, values = found[row["station"], "PM2.5", "µg/m³"]
        years = times.astype("datetime64[us]").astype("datetime64[Y]").astype(int) + 1970
        chosen = values[years == int(row["year"])]
        assert len(chosen) == int(row["n"])
        assert (fsum(chosen), chosen.min(), chosen.max()) == (float(row["sum"]), float(row["min"]), float(row["max"]))


def test_beijing_rewritten_by_pandas(shared_data: Path, kernel: bool) -> None:
    name = "PRSA_Data_Dongsi_20130301-20170228.csv"
    reader = Reader("prsa", kernel)
    readings = reader.read(shared_data / "uci_beijing_prsa" / "pandas_rewrite" / name)
    assert (reader.tally.lines, len(readings), reader.rejects) == (35_064, 35_064 * 11, [])


def test_anomaly_benchmark(shared_data: Path, kernel: bool) -> None:
    rows = _rows(shared_data / "nab" / "reference" / "per_file.csv")
    there = [row for row in rows if (shared_data / "nab" / "data" / row["file"]).is_file()]
    assert there
    for row in there:
        path = shared_data / "nab" / "data" / row["file"]
        reader = Reader("nab", kernel)
        readings = reader.read(path)
        assert len(readings) == int(row["rows"])
        assert (readings.value.min(), readings.value.max()) == (float(row["min"]), float(row["max"]))
        assert reader.keys.device_texts().to_pylist() == [path.stem]
        assert reader.rejects == []


@pytest.mark.parametrize(
    ("year", "highest", "lowest", "count", "total"),
    [
        (1901, 31.7, -33.3, 6564, 306_529),
        (1902, 24.4, -32.8, 6565, 142_195),
    ],
)
def test_weather_of_the_hadoop_book(
    shared_data: Path, kernel: bool, year: int, highest: float, lowest: float, count: int, total: int
) -> None:
    reader = Reader("isd", kernel, "fixed")
    found = reader.by_key([shared_data / "ncdc_hadoop_book" / "all" / f"{year}.gz"])
    by_station = {key[0]: values for key, (_, values) in found.items() if key[1] == "air_temperature"}
    values = np.concatenate(list(by_station.values()))
    assert (values.max(), values.min(), len(values)) == (highest, lowest, count)
    assert fsum(np.rint(values * 10)) == total
    maxima = {1901: {"029070-99999": 23.9, "227070-99999": 30.6}, 1902: {"029070-99999": 15.6, "227070-99999": 24.4}}
    assert {station: by_station[station].max() for station in maxima[year]} == maxima[year]
    assert reader.rejects == []


def test_weather_sample_of_the_hadoop_book(shared_data: Path, kernel: bool) -> None:
    reader = Reader("isd", kernel, "fixed")
    found = reader.by_key([shared_data / "ncdc_hadoop_book" / "sample.txt"])
    by_station = {key[0]: values.tolist() for key, (_, values) in found.items() if key[1] == "air_temperature"}
    assert by_station == {"011990-99999": [0.0, 2.2, -1.1], "012650-99999": [11.1, 7.8]}


@pytest.mark.parametrize(
    ("folder", "lines", "missing", "rejects"),
    [
        ("two_days_crlf", 2880, 0, []),
        ("head_1545rows_cut", 1545, 0, [(Reason.FIELD_COUNT, 1546)]),
        ("head_1MiB_cut_midline", 15_923, 14, [(Reason.FIELD_COUNT, 15_924)]),
        ("slice_crlf_noeol", 1025, 4081, []),
    ],
)
def test_household_power(
    shared_data: Path, kernel: bool, folder: str, lines: int, missing: int, rejects: list[tuple[Reason, int]]
) -> None:
    home = shared_data / "uci_household_power"
    reader = Reader("uci_household_power", kernel)
    found = reader.by_key([home / folder / "household_power_consumption.txt"])
    assert reader.tally.lines == lines
    assert reader.tally.missing == missing
    assert [(r.reason, r.line) for _, r in reader.rejects] == rejects
    reference = _rows(home / "reference_daily_sums_b" / "household_power_consumption_days.csv")
    compared = 0
    for row in reference:
        for column in reader.dialect.wide:
            times, values = found["household", column.metric, column.unit]
            chosen = values[times // DAY == _day(row["datetime"])]
            if len(chosen) == 1440:  # days without missing values: the reference filled those
                assert fsum(chosen) == pytest.approx(float(row[column.column]), rel=1e-9)
                compared += 1
    assert compared or folder in ("head_1545rows_cut", "slice_crlf_noeol")


@pytest.mark.parametrize(
    ("dialect", "folder"),
    [("uci_air_quality", "original_semicolon"), ("uci_air_quality_comma", "excel_comma_bom")],
)
def test_air_quality(shared_data: Path, kernel: bool, dialect: str, folder: str) -> None:
    reader = Reader(dialect, kernel)
    found = reader.by_key([shared_data / "uci_air_quality" / folder / "AirQualityUCI.csv"])
    assert (reader.tally.lines, reader.tally.missing, reader.rejects) == (9357, 16_701, [])
    assert sum(len(values) for _, values in found.values()) == 104_940
    times, values = found["air_quality_station", "temperature", "°C"]
    assert (len(values), values.min(), values.max()) == (8991, -1.9, 44.6)
    assert times[0] == int(datetime(2004, 3, 10, 18, tzinfo=UTC).timestamp()) * 1_000_000


def test_both_air_quality_files_hold_the_same(shared_data: Path, kernel: bool) -> None:
    folder = shared_data / "uci_air_quality"
    one = Reader("uci_air_quality", kernel).by_key([folder / "original_semicolon" / "AirQualityUCI.csv"])
    other = Reader("uci_air_quality_comma", kernel).by_key([folder / "excel_comma_bom" / "AirQualityUCI.csv"])
    assert one.keys() == other.keys()
    for key, (times, values) in one.items():
        assert np.array_equal(times, other[key][0])
        if key[1] == "absolute_humidity":  # the spreadsheet wrote 1,0086 as 10,086
            same = (other[key][1] == values) | np.isclose(other[key][1], values * 10)
            assert same.all()
        else:
            assert np.array_equal(values, other[key][1])
