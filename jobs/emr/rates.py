"""How fast jobs and their Spark twins were measured to be, each figure with where it is from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from statistics import median
from typing import Any

from jobs.emr.history import SERVERLESS, Entry, named

_MOST_RUNS = 5  # earlier runs that are asked
_SMALLEST_RUN = 0.1  # of the input: what is smaller is start-up
_SLOWER_THAN_SEEN = 1.5  # times, that a run may be


@dataclass(frozen=True, slots=True)
class Rate:
    """task_mb_s: MB (10^6 bytes) a second that a map task takes at best; core_s: seconds of a core's processor time for
    each MB, of map and reduce together, the start of containers left out. is_seen: of runs on EMR itself."""

    task_mb_s: float
    core_s: float
    source: str
    is_seen: bool = False


@dataclass(frozen=True, slots=True)
class Rates:
    """tables: as in rates.toml. runs: earlier ones on EMR, oldest first. twin: where the twins run whose rates these
    are; empty for the jobs themselves."""

    tables: Mapping[str, Any]
    runs: tuple[Entry, ...] = ()
    twin: str = ""

    @property
    def cluster(self) -> Mapping[str, Any]:
        """What of a run takes time whatever the job is."""
        found: Mapping[str, Any] = self.tables["cluster"]
        return found

    @property
    def serverless(self) -> Mapping[str, Any]:
        """The same on EMR Serverless, where it differs."""
        found: Mapping[str, Any] = self.tables["serverless"]
        return found

    def slower(self, rate: Rate) -> float:
        """How many times longer than at this rate a run may take: an assumption."""
        return _SLOWER_THAN_SEEN if rate.is_seen else float(self.cluster["slower"])

    def of(self, job: str, size: int, *, readings: bool, packed: int = 0) -> Rate:
        """The rate of a job on an input of so many bytes: of its last runs of that order on EMR, else of the
        benchmarks, else that of the slowest job. readings: whether it shuffles these; packed: how many of the bytes
        are compressed, or Parquet, and so take the time of more bytes of CSV."""
        return self._seen(job, size) or self._measured(job, size, readings=readings, packed=packed)

    def _seen(self, job: str, size: int) -> Rate | None:
        name, whose = named(job, self.twin), "its twin's" if self.twin else "its"
        like = [run for run in self.runs if run.job == name and run.bytes >= size * _SMALLEST_RUN]
        seen = [run.slot_mb_s for run in like if run.slot_mb_s > 0][-_MOST_RUNS:]
        if not seen:
            return None
        rate = median(seen)
        runs = f"{whose} last run" if len(seen) == 1 else f"the median of {whose} last {len(seen)} runs"
        where = SERVERLESS if self.twin == SERVERLESS else "EMR"
        return Rate(rate, 1 / rate, f"{rate:.3g} MB/s a task: {runs} on {where}", is_seen=True)

    def _measured(self, job: str, size: int, *, readings: bool, packed: int) -> Rate:
        measured = self.tables["spark" if self.twin else "jobs"]
        name = job if job in measured else min(measured, key=lambda each: float(measured[each]["mb_s"]))
        of, source = measured[name]["mb_s"], measured[name]["source"]
        factor, how = 1.0, " on Spark"
        if not self.twin:
            factor = self.tables["on_hadoop"]["readings" if readings else "partials"]
            how = f", {factor:g} times slower on Hadoop"
        said = f"{of:.3g} MB/s a core{how}: {source}"
        said += "" if name == job else f", that of {name}, as {job} has none"
        if packed:
            more = 1 + (self.tables["shuffled"]["packed"] - 1) * packed / size
            said, of = f"{said}; {more:.2g} bytes of CSV in each of this input", of / more
        return Rate(min(self.cluster["s3_mb_s"], of / factor), factor / of, said)


def load(runs: tuple[Entry, ...] = (), twin: str = "") -> Rates:
    """The shipped rates, and what earlier runs took. twin: where it runs, for the rates of a Spark twin."""
    return replace(_shipped(), runs=runs, twin=twin)


@lru_cache
def _shipped() -> Rates:
    return Rates(tomllib.loads((resources.files("jobs.emr") / "rates.toml").read_text("utf-8")))
