"""Prices asked of AWS: its Price List API answered over HTTP, kept for a day, and never missed."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jobs.daily_stats import DailyStats
from jobs.emr import outlook, prices, rates
from jobs.emr.price_list import current, kept_at
from jobs.emr.work import Work
from jobs.emr.workers import Used
from jobs.engine.serverless_engine import ServerlessEngine
from jobs.engine.spark_on_cluster import submitting
from jobs.errors import UsageError
from tests.emr.price_offers import PLACE, REGION, SERVERLESS, in_region, node, price_api

TYPES = ("m7g.xlarge", "m6g.xlarge")
TODAY = time.strftime("%Y-%m-%d", time.gmtime())
TOLD = f"prices    AWS Price List API, {TODAY}; check them before you rely on them"
PARTLY = "AWS's list prices, 2026-01-19, where there is none of the AWS Price List API"


of_us_east_1 = partial(in_region, "us-east-1")
M7G, M6G = node("m7g.xlarge"), node("m6g.xlarge", "0.1720000000", "0.0430000000")


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def ago(kept: Path, asked: float, *types: str) -> None:
    """Has AWS have said it then: all, or of these types."""
    found = json.loads(kept.read_text())
    found["asked"] |= dict.fromkeys(types or found["asked"], asked)
    kept.write_text(json.dumps(found if types else found | {"time": asked}))


def test_prices_of_today_are_asked_for_once_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    with price_api(of_us_east_1(M7G + M6G + PLACE + SERVERLESS), asked) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", address)
        table = current(prices.load(), "us-east-1", TYPES, tmp_path)
        assert current(prices.load(), "us-east-1", TYPES[:1], tmp_path) == table
        assert current(prices.load(), "us-east-1", (), tmp_path) == table
        assert len(asked) == 8  # two of each of two types, disks, requests to read and to write, EMR Serverless
        ago(tmp_path / "prices-us-east-1.json", time.time() - 90_000)
        current(prices.load(), "us-east-1", TYPES, tmp_path)
        assert len(asked) == 16
    found = table.node("us-east-1", "m7g.xlarge")
    assert (found.on_demand, found.emr) == (0.182, 0.0455)
    assert table.source("us-east-1") == f"AWS Price List API, {TODAY}"
    assert table.serverless("us-east-1")["vcpu_hour"] == {"aarch64": 0.0463034, "x86_64": 0.0578864}


def test_a_region_of_which_only_aws_knows_is_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a cluster and on EMR Serverless, each figure from the API."""
    names = outlook.types("aarch64", readings=False)
    offers = [offer for name in names for offer in node(name)]
    with price_api(offers + PLACE + SERVERLESS) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", address)
        table = current(prices.load(), REGION, names, tmp_path)
    region = table.region(REGION)
    assert region["ebs_gb_month"] == 0.088
    assert (region["s3_1000_get"], region["s3_1000_put"]) == pytest.approx((0.0004, 0.005))
    assert table.serverless(REGION) == {
        "date": TODAY,
        "source": "AWS Price List API",
        "disk_gb_hour": 0.0001221,
        "vcpu_hour": {"aarch64": 0.0463034, "x86_64": 0.0578864},
        "gb_hour": {"aarch64": 0.0050908, "x86_64": 0.00635635},
    }
    work = Work(job="daily_stats", bytes=10**9, objects=1, splits=15, largest=67_000_000, partitions=1)
    assert TOLD in outlook.outlook(work, table, rates.load(), region=REGION).sources


def test_a_run_on_serverless_goes_by_prices_of_today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    job = submitting(DailyStats, ["s3://lake/readings/", "--region", REGION])
    work = Work(job="daily_stats", bytes=10**9, objects=1, splits=15, largest=67_000_000, partitions=1)
    engine = ServerlessEngine(job)
    with price_api(PLACE + SERVERLESS) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", address)
        engine.planned = engine.plan_for(work)
    assert TOLD in engine.planned.sources
    account = engine.told("run", "daily_stats", datetime.now(UTC), 60.0, 30.0, 10**9, Used(10.0, 40.0, 0.0))
    asked = 15 * (2 + 8) * 0.0004 / 1000 + 0.005 / 1000
    assert account.spent == pytest.approx(10 * 0.0463034 + 40 * 0.0050908 + asked)


@pytest.mark.parametrize("offers", [M7G + M6G, M7G + PLACE[:-1], SERVERLESS, []])
def test_a_region_with_half_of_its_prices_is_refused(
    offers: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with price_api(offers) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", address)
        table = current(prices.load(), REGION, TYPES, tmp_path)
    with pytest.raises(UsageError, match=f"region {REGION}: no prices are known there"):
        table.node(REGION, "m7g.xlarge")


def test_what_aws_does_not_say_is_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with price_api(of_us_east_1(M7G + PLACE + SERVERLESS[1:])) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", address)
        table = current(prices.load(), "us-east-1", TYPES, tmp_path / "a")
    assert table.node("us-east-1", "m7g.xlarge").on_demand == 0.182
    assert table.node("us-east-1", "m6g.xlarge").on_demand == pytest.approx(0.154)
    assert table.region("us-east-1")["ebs_gb_month"] == 0.088
    assert table.source("us-east-1") == f"{PARTLY}, {TODAY}"
    assert table.serverless("us-east-1") == prices.load().serverless("us-east-1")  # whole, or none of it
    with price_api(of_us_east_1(M7G + M6G)) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", address)
        table = current(prices.load(), "us-east-1", TYPES, tmp_path / "b")
    assert table.region("us-east-1")["ebs_gb_month"] == 0.08
    assert table.source("us-east-1") == f"{PARTLY}, {TODAY}"


def test_what_aws_last_said_stands_where_it_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on the scheduler host, which cannot reach its price list; the plan says of which day it is."""
    with price_api(M7G + M6G + PLACE) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", address)
        current(prices.load(), REGION, TYPES, tmp_path)
    ago(kept_at(tmp_path, REGION), 1_790_000_000.0)
    table = current(prices.load(), REGION, TYPES, tmp_path)
    assert table.node(REGION, "m6g.xlarge").on_demand == 0.172
    assert table.source(REGION) == "AWS Price List API, 2026-09-21"
    assert REGION not in current(prices.load(), REGION, ["r7g.xlarge"], tmp_path).tables["regions"]


def test_prices_of_one_job_leave_those_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose nodes are of other types, or which runs on EMR Serverless."""
    jobs: list[tuple[str, ...]] = [("m7g.xlarge",), ("r7g.xlarge", "m7g.xlarge"), (), ("m7g.xlarge",), ("r7g.xlarge",)]
    asked: list[dict[str, Any]] = []
    with price_api(M7G + node("r7g.xlarge", "0.2400000000") + PLACE + SERVERLESS, asked) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", address)
        for types in jobs:
            current(prices.load(), REGION, types, tmp_path)
        assert len(asked) == 2 * 2 + 4
        ago(kept_at(tmp_path, REGION), time.time() - 90_000, "r7g.xlarge")
        current(prices.load(), REGION, jobs[0], tmp_path)
        assert len(asked) == 2 * 2 + 4
        current(prices.load(), REGION, jobs[1], tmp_path)
        assert len(asked) == 3 * 2 + 4
    ago(kept_at(tmp_path, REGION), 1_790_000_000.0, "r7g.xlarge")
    for types, price, day in ((jobs[0], 0.182, TODAY), (jobs[4], 0.24, "2026-09-21")):
        table = current(prices.load(), REGION, types, tmp_path)  # AWS is silent now
        assert table.node(REGION, types[0]).on_demand == price
        assert table.source(REGION) == f"AWS Price List API, {day}"


def test_one_answer_as_it_was_kept_before_stands(tmp_path: Path) -> None:
    told = {"on_demand": {"m7g.xlarge": 0.2}, "emr": {}, "ebs_gb_month": 0.1, "s3_1000_get": 0.1, "s3_1000_put": 0.1}
    kept = {"time": 1_790_000_000.0, "asked": ["m7g.xlarge"], "told": told}
    kept_at(tmp_path, REGION).write_text(json.dumps(kept))
    table = current(prices.load(), REGION, ["m7g.xlarge"], tmp_path)
    assert (table.node(REGION, "m7g.xlarge").on_demand, table.source(REGION)[-10:]) == (0.2, "2026-09-21")


def test_a_users_prices_are_not_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[regions.us-east-1.on_demand]\n"m7g.xlarge" = 0.15\n')
    asked: list[dict[str, Any]] = []
    with price_api(of_us_east_1(M7G + M6G), asked) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", address)
        table = current(prices.load(str(own)), "us-east-1", TYPES, tmp_path)
    assert asked == []
    assert table.node("us-east-1", "m7g.xlarge").on_demand == 0.15
    assert table.source("us-east-1").endswith(f", with {own}")
    with pytest.raises(UsageError, match=r"eu-central-1; add \[regions.eu-west-1\] in a --price-table"):
        table.region(REGION)


def test_a_plan_never_fails_for_want_of_prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = prices.load()
    kept = tmp_path / "prices-us-east-1.json"
    with price_api([], status=403) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", address)
        assert current(shipped, "us-east-1", TYPES, tmp_path) == shipped
    assert current(shipped, "us-east-1", TYPES, tmp_path) == shipped  # nobody listens there any more
    old: dict[str, Any] = {"time": time.time(), "asked": TYPES}
    odd = [old | {"on_demand": {}, "emr": {}}, old | {"told": []}, old | {"told": {"on_demand": 1, "emr": 1}}, [old], 1]
    for broken in ("broken", *map(json.dumps, odd)):
        kept.write_text(broken)
        assert current(shipped, "us-east-1", TYPES, tmp_path) == shipped
    with price_api([]) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", address)
        assert current(shipped, "us-east-1", TYPES, tmp_path) == shipped


def test_what_stands_in_awss_place_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    with price_api(of_us_east_1(M7G + M6G), asked) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.delenv("AWS_ENDPOINT_URL_PRICING", raising=False)
        assert current(prices.load(), "us-east-1", TYPES, tmp_path) == prices.load()
    assert asked == []
    assert list(tmp_path.iterdir()) == []
