"""A run of mrjob's that was left on its cluster: what is kept of it here until its result is received."""

from __future__ import annotations

import fcntl
import importlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from jobs import __version__
from jobs.emr.disks import Disks
from jobs.emr.outlook import Fleet, Outlook
from jobs.emr.work import Work
from jobs.engine.cache import cache_folder
from jobs.engine.plan import Plan, Split
from jobs.engine.run import Run
from jobs.errors import JobError

if TYPE_CHECKING:
    from jobs.engine.job import SensorJob

_OF_RUNNER = (
    "_cluster_id",
    "_created_cluster",
    "_step_ids",
    "_master_node_setup_script_path",
    "_job_key",
    "_cloud_tmp_dir",
    "_output_dir",
)
"""What mrjob's runner knows of where its run is; names are mrjob's own."""
_OF_PLAN = ("split_size", "pruned_objects", "pruned_bytes", "looked_at")
_WRITTEN_APART = ("planned", "run", "plan")
_RECORD = "left.json"
_KEPT = 60 * 86_400.0
"""Seconds; EMR tells of a cluster for two months."""


@dataclass(frozen=True, slots=True)
class Left:
    """job: as `named`; arguments: the job's, and `command` as all was typed, in `folder`; position: mrjob's runner's;
    begun: in seconds since 1970; seconds, start_seconds: of the clusters that it had before."""

    job: str
    arguments: tuple[str, ...]
    command: tuple[str, ...]
    folder: str
    position: Mapping[str, Any]
    begun: float
    seconds: float
    start_seconds: float
    clusters: tuple[str, ...]
    planned: Outlook
    run: Run
    plan: Plan

    @property
    def place(self) -> Path:
        """Where it is kept; there is one for each run, several of a cluster."""
        return _home() / f"{self.position['_cluster_id']}.{self.run.id}"

    def save(self) -> IO[str]:
        """Keep it, all or nothing; the plan as it lies in the run's scratch. It is held as by `hold`."""
        data = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _WRITTEN_APART}
        data |= {"planned": asdict(self.planned), "plan": {name: getattr(self.plan, name) for name in _OF_PLAN}}
        _home().mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep()
        with tempfile.TemporaryDirectory(dir=_home(), prefix=".new-") as fresh:
            made = Path(fresh, "left")
            made.mkdir()
            shutil.copy(Path(self.run.scratch, "plan"), made / "plan")
            self.run.save(made / "run.json")
            (made / _RECORD).write_text(json.dumps({"version": __version__, **data}), "utf-8")
            held = hold(made)
            made.rename(self.place)
        return held

    def forget(self) -> None:
        shutil.rmtree(self.place, ignore_errors=True)

    def job_class(self) -> type[SensorJob]:
        """Raises JobError where its module is not found."""
        module, _, name = self.job.partition(":")
        try:
            found: type[SensorJob] = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            fix = f"ask where it was started: {self.folder}"
            raise JobError(f"its job is not found: {error}", where=str(self.place), fix=fix) from None
        return found


def waiting(cluster: str) -> list[Path]:
    """The places of runs that were left on a cluster, and that nobody has received or is about to."""
    return [place for place in sorted(_home().glob(f"{cluster}.*")) if not _is_held(place)]


def hold(place: Path) -> IO[str]:
    """Keep others from receiving a run until what is returned is closed. Raises JobError where somebody has received
    it or is about to."""
    try:
        held = (place / _RECORD).open("r+", encoding="utf-8")
    except FileNotFoundError:
        raise JobError("was received meanwhile", where=place.name) from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not place.exists():
            raise JobError("was received meanwhile", where=place.name)
    except BlockingIOError:
        held.close()
        raise JobError("another process is about to receive it", where=place.name, fix="ask again later") from None
    except BaseException:
        held.close()
        raise
    return held


def _is_held(place: Path) -> bool:
    try:
        hold(place).close()
    except JobError:
        return True
    return False


def sweep() -> None:
    """Remove what is kept of runs that nobody asked for while EMR could tell of them."""
    for place in _home().glob("*"):
        with suppress(OSError):
            if time.time() - place.stat().st_mtime > _KEPT:
                shutil.rmtree(place, ignore_errors=True)


def load(place: Path) -> Left:
    """Raises JobError where it cannot be read, or another version of the suite has left it."""
    try:
        data = json.loads((place / _RECORD).read_text("utf-8"))
        if (version := data.pop("version")) != __version__:
            fix = f"ask with that version; this one is {__version__}"
            raise JobError(f"was left by version {version} of the suite", where=str(place), fix=fix)
        splits = map(Split.loads, (place / "plan").read_bytes().splitlines())
        plan = Plan(tuple(split for split in splits if split.table is None), **data.pop("plan"))
        data = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
        return Left(planned=_outlook(data.pop("planned")), run=Run.load(place / "run.json"), plan=plan, **data)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JobError(f"is not what a run was left with: {error}", where=str(place)) from None


def position(runner: Any) -> dict[str, Any]:
    """What another of mrjob's runners is to know to follow its steps."""
    return {name: getattr(runner, name) for name in _OF_RUNNER}


def named(job: type[SensorJob]) -> str:
    """The job by module and class, as another process finds it; empty where it cannot."""
    module = job.__module__
    if module == "__main__":
        spec = sys.modules[module].__spec__
        module = spec.name if spec else ""
    return f"{module}:{job.__qualname__}" if module and job.__qualname__.isidentifier() else ""


def _outlook(data: dict[str, Any]) -> Outlook:
    fleets = tuple(Fleet(**_frozen(fleet)) for fleet in data.pop("fleets"))
    return Outlook(work=Work(**data.pop("work")), fleets=fleets, disks=Disks(**data.pop("disks")), **_frozen(data))


def _frozen(data: Any) -> Any:
    """The same with JSON's lists as tuples."""
    if isinstance(data, dict):
        return {name: _frozen(value) for name, value in data.items()}
    return tuple(map(_frozen, data)) if isinstance(data, list) else data


def _home() -> Path:
    return cache_folder() / "emr" / "left"
