"""What is kept of a run that was left on its cluster comes back as it was, one for each run."""

from __future__ import annotations

import errno
import json
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobs.daily_stats import DailyStats
from jobs.emr import outlook, prices, rates
from jobs.emr.work import Work
from jobs.engine import left
from jobs.engine.emr_engine import EmrEngine
from jobs.engine.left import Left
from jobs.engine.options import Settings
from jobs.engine.plan import Piece, Plan, Split
from jobs.engine.run import Run
from jobs.errors import AwayError, InputError, JobError
from jobs.lake.storage import ObjectInfo

LOG = ObjectInfo("s3://lake/a.csv", 9, etag="e")
SETTINGS = Settings(("s3://lake/",), metrics=("t*",), since=5, output_dir="s3://lake/out", job=(("by", None),))


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Left:
    """A run with a table in the shuffle, which was left."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    splits = (Split(0, (Piece(LOG, 9, header=b"a,b\n", row_groups=(1, 2)),)),)
    with (tmp_path / "plan").open("w") as file:
        file.writelines(split.dumps() + "\n" for split in (*splits, Split(1, (), ("sites", "block"))))
    run = Run("run-1", "daily_stats", 7, SETTINGS, {"d": "text"}, (), str(tmp_path), 3, "inline", True)
    planned = outlook.outlook(Work("daily_stats", 1, 9, 1), prices.load(), rates.load(), region="us-east-1")
    position = {"_cluster_id": "j-1", "_step_ids": ["s-1", "s-2"]}
    name, words = left.named(DailyStats), ("-r", "emr", "s3://lake/")
    made = Left(
        name, words, ("python", *words), "/", position, 1.5, 2.5, 3.5, ("j-0",), planned, run, Plan(splits, 64, 2, 5)
    )
    made.save().close()
    return made


def test_it_comes_back_as_it_was(kept: Left) -> None:
    (place,) = left.waiting("j-1")
    assert place == kept.place
    assert left.load(place) == kept
    assert left.load(place).plan.fingerprint() == kept.plan.fingerprint()
    assert left.load(place).job_class() is DailyStats


def test_runs_side_by_side_do_not_mix(kept: Left) -> None:
    other = replace(kept, run=replace(kept.run, id="run-2"))
    other.save().close()
    replace(kept, position={**kept.position, "_cluster_id": "j-10"}).save().close()
    assert [path.name for path in left.waiting("j-1")] == ["j-1.run-1", "j-1.run-2"]
    kept.forget()
    assert [path.name for path in left.waiting("j-1")] == ["j-1.run-2"]
    assert left.load(other.place).run.id == "run-2"


def test_it_is_received_once(kept: Left) -> None:
    """Who has just kept it may be about to receive it, as may who looked first."""
    other = replace(kept, run=replace(kept.run, id="run-2"))
    with other.save(), left.hold(kept.place):
        assert left.waiting("j-1") == []
        for place in (kept.place, other.place):
            with pytest.raises(JobError, match="another process is about to receive it"):
                left.hold(place)
    assert left.waiting("j-1") == [kept.place, other.place]
    kept.forget()
    with pytest.raises(JobError, match="was received meanwhile"):
        left.hold(kept.place)


@pytest.mark.parametrize(
    ("error", "stays"),
    [
        (None, False),
        (InputError("the same again"), False),
        (AwayError("not now"), True),
        (JobError("refused"), True),
        (OSError(errno.ENOSPC, "full"), True),
        (BrokenPipeError(), True),
        (SystemExit(143), True),
        (KeyboardInterrupt(), True),
    ],
    ids=repr,
)
def test_only_what_is_out_or_would_be_told_again_goes(
    kept: Left, capsys: pytest.CaptureFixture[str], error: BaseException | None, stays: bool
) -> None:
    engine = EmrEngine(DailyStats(args=["-r", "emr", "--region", "us-east-1", "s3://lake/"]))
    runner, removed = SimpleNamespace(staged=ExitStack()), list[str]()
    runner.staged.callback(removed.append, "staged")
    engine._stay(runner, kept)
    with pytest.raises(type(error)) if error else nullcontext(), engine.receiving():
        if error is not None:
            raise error
    assert (kept.place.exists(), removed) == (stays, [] if stays else ["staged"])
    said = "its output is kept; receive its result: python -m jobs.emr status j-1 --region us-east-1\n"
    assert capsys.readouterr().err == (said if stays else "")


def test_another_version_is_refused(kept: Left) -> None:
    file = kept.place / "left.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "version": "0.0"}))
    with pytest.raises(JobError, match=r"was left by version 0\.0 of the suite.*ask with that version"):
        left.load(kept.place)


def test_what_is_broken_is_told(kept: Left) -> None:
    (kept.place / "run.json").write_text("{")
    with pytest.raises(JobError, match="is not what a run was left with"):
        left.load(kept.place)


def test_a_job_that_is_not_found(kept: Left) -> None:
    with pytest.raises(JobError, match="its job is not found: No module named 'nowhere'"):
        replace(kept, job="nowhere:Job").job_class()


def test_a_job_in_no_module_has_no_name() -> None:
    class Own(DailyStats):
        pass

    assert left.named(Own) == ""
