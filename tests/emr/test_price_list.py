"""Prices asked of AWS: its Price List API answered over HTTP, kept for a day, and never missed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobs.emr import prices
from jobs.emr.price_list import current
from tests.http_server import Answer, http_server

HOURLY = {("AmazonEC2", "m7g.xlarge"): "0.2000000000", ("ElasticMapReduce", "m7g.xlarge"): "0.0500000000"}
TYPES = ("m7g.xlarge", "m6g.xlarge")


def _product(price: str, unit: str = "Hrs") -> str:
    dimension = {"unit": unit, "pricePerUnit": {"USD": price}, "description": "an hour"}
    return json.dumps({"product": {}, "terms": {"OnDemand": {"a.b": {"priceDimensions": {"a.b.c": dimension}}}}})


@contextmanager
def _api(asked: list[dict[str, Any]], status: int = 200) -> Iterator[str]:
    """A server that answers as the API does; prices of nothing and other units stand beside the one that counts."""

    def answer(path: str, said: bytes) -> Answer:
        question = json.loads(said)
        asked.append(question)
        fields = {one["Field"]: one["Value"] for one in question["Filters"]}
        price = HOURLY.get((question["ServiceCode"], fields["instanceType"]))
        products = [_product("0.0"), _product("9", "GB"), _product(price)] if price else []
        body = json.dumps({"FormatVersion": "aws_v1", "PriceList": products}).encode()
        return status, "application/x-amz-json-1.1", body

    with http_server(answer) as address:
        yield address


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def test_prices_of_today_are_asked_for_once_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    with _api(asked) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", address)
        table = current(prices.load(), "us-east-1", TYPES, tmp_path)
        again = current(prices.load(), "us-east-1", TYPES[:1], tmp_path)
        assert len(asked) == 4  # each of two services for each of two types
        kept = tmp_path / "prices-us-east-1.json"
        kept.write_text(json.dumps(json.loads(kept.read_text()) | {"time": time.time() - 90_000}))
        current(prices.load(), "us-east-1", TYPES, tmp_path)
        assert len(asked) == 8
    node = table.node("us-east-1", "m7g.xlarge")
    assert (node.on_demand, node.emr) == (0.2, 0.05)
    assert table.node("us-east-1", "m6g.xlarge").on_demand == pytest.approx(0.154)  # AWS said nothing of it
    today = time.strftime("%Y-%m-%d", time.gmtime())
    partly = "AWS's list prices, 2026-01-19, where there is none of the AWS Price List API"
    assert table.source("us-east-1") == f"{partly}, {today}"
    assert again.source("us-east-1") == f"AWS Price List API, {today}"
    fields = {one["Field"]: one["Value"] for one in asked[0]["Filters"]}
    assert fields["regionCode"] == "us-east-1"
    assert fields["operatingSystem"] == "Linux"


def test_a_users_prices_are_not_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[regions.us-east-1.on_demand]\n"m7g.xlarge" = 0.15\n')
    asked: list[dict[str, Any]] = []
    with _api(asked) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", address)
        table = current(prices.load(str(own)), "us-east-1", TYPES, tmp_path)
    assert asked == []
    assert table.node("us-east-1", "m7g.xlarge").on_demand == 0.15
    assert table.source("us-east-1").endswith(f", with {own}")


def test_a_plan_never_fails_for_want_of_prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = prices.load()
    with _api([], status=403) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", address)
        assert current(shipped, "us-east-1", TYPES, tmp_path) == shipped
    assert current(shipped, "us-east-1", TYPES, tmp_path) == shipped  # nobody listens there any more
    (tmp_path / "prices-us-east-1.json").write_text("broken")
    assert current(shipped, "us-east-1", TYPES, tmp_path) == shipped


def test_what_stands_in_awss_place_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    with _api(asked) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.delenv("AWS_ENDPOINT_URL_PRICING", raising=False)
        assert current(prices.load(), "us-east-1", TYPES, tmp_path) == prices.load()
    assert asked == []
    assert list(tmp_path.iterdir()) == []
