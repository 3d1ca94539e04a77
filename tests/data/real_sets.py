"""The real data sets: which files with which dialect, and what daily_stats prints of them, run as a user runs it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from tests.command_line import run

DAILY = "jobs.daily_stats"
_VOLATILE = re.compile(r" · [0-9.,]+ s · [0-9.,]+ MB/s$", re.MULTILINE)

Row = dict[str, str]


@dataclass(frozen=True)
class RealSet:
    """Files (globs below the folder of shared data) that a shipped dialect reads."""

    dialect: str
    inputs: tuple[str, ...]
    decimal_comma: bool = False


POWER = "uci_household_power/{}/household_power_consumption.txt"
SETS = {
    "sensor_community": RealSet("sensor_community", ("sensor_community/luftdaten",)),
    "beijing": RealSet("prsa", ("uci_beijing_prsa/PRSA_Data_*.csv",)),
    "beijing_rewritten": RealSet("prsa", ("uci_beijing_prsa/pandas_rewrite",)),
    "power_1MiB": RealSet("uci_household_power", (POWER.format("head_1MiB_cut_midline"),)),
    "power_1545_rows": RealSet("uci_household_power", (POWER.format("head_1545rows_cut"),)),
    "power_slice": RealSet("uci_household_power", (POWER.format("slice_crlf_noeol"),)),
    "power_two_days": RealSet("uci_household_power", (POWER.format("two_days_crlf"),)),
    "air_quality": RealSet("uci_air_quality", ("uci_air_quality/original_semicolon",), decimal_comma=True),
    "air_quality_sheet": RealSet("uci_air_quality_comma", ("uci_air_quality/excel_comma_bom",), decimal_comma=True),
    "nab": RealSet("nab", ("nab/data",)),
    "weather": RealSet("isd", ("ncdc_hadoop_book/all",)),
    "weather_samples": RealSet(
        "isd", ("ncdc_hadoop_book/sample.txt", "ncdc_hadoop_book/sample.txt.gz", "ncdc_hadoop_book/micro")
    ),
}


@dataclass(frozen=True)
class Printed:
    """What a run printed: its output, and on standard error the summary without times."""

    output: bytes
    summary: str

    @property
    def rows(self) -> list[Row]:
        return list(csv.DictReader(io.StringIO(self.output.decode(), newline="")))


@cache
def daily(shared_data: Path, name: str, *flags: str, kernel: bool = True, module: str = DAILY) -> Printed:
    """Daily statistics of a set, computed once; the command stands in the folder of shared data."""
    chosen = SETS[name]
    env = {} if kernel else {"JOBS_KERNEL": "off"}
    done = run(
        module, *chosen.inputs, "--dialect", chosen.dialect, "--output-format", "csv", *flags, env=env, cwd=shared_data
    )
    assert done.returncode == 0, done.stderr.decode()
    return Printed(done.stdout, _VOLATILE.sub("", done.stderr.decode()))


def by(rows: Iterable[Row], *columns: str) -> dict[tuple[str, ...], list[Row]]:
    """Rows grouped by the texts of some columns."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[c] for c in columns), []).append(row)
    return groups


def reference(path: Path) -> list[Row]:
    """The rows of a CSV file that came with the data, or was computed from it elsewhere."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def agrees(number: Decimal, printed: str) -> bool:
    """Whether `printed` is `number`, itself rounded to a double, rounded to the digits that it shows."""
    shown = Decimal(printed)
    half_unit = Decimal(5).scaleb(int(shown.as_tuple().exponent) - 1)
    return abs(number - shown) <= half_unit + abs(number) * Decimal("1e-15")
