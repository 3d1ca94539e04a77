"""Prices from AWS's Price List API, asked for once a day; a plan never fails for want of them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from jobs.emr.prices import PriceTable

_FRESH_SECONDS = 86_400
_API_REGION = "us-east-1"  # where the API is, whichever region is asked about
_SOURCE = "AWS Price List API"
_HOUR = ("hrs", "hours")
_OF_TYPE = {
    "on_demand": (
        "AmazonEC2",
        {"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"},
    ),
    "emr": ("ElasticMapReduce", {"softwareType": "EMR"}),
}
_OF_REGION = {  # each with its unit, and how many of it the table counts
    "ebs_gb_month": ("AmazonEC2", {"productFamily": "Storage", "volumeApiName": "gp3"}, "gb-mo", 1),
    "s3_1000_get": ("AmazonS3", {"group": "S3-API-Tier2"}, "requests", 1000),
    "s3_1000_put": ("AmazonS3", {"group": "S3-API-Tier1"}, "requests", 1000),
}
_SERVERLESS = ("ElasticMapReduce", {"productFamily": "EMR Serverless"})


class _Price(NamedTuple):
    """usage: what bills call what is used, after a short name of the region."""

    usage: str
    unit: str
    usd: float


class _Answer(NamedTuple):
    """What AWS has said of a region, `told` as a region of the table has it. time: when, of disks, requests and EMR
    Serverless; asked: when, of each type."""

    time: float
    asked: Mapping[str, float]
    told: Mapping[str, Any]


def current(table: PriceTable, region: str, types: Iterable[str], folder: Path) -> PriceTable:
    """The table with what AWS says of the region and of these types there, or last said where it cannot be asked; or as
    it is.

    folder: where answers are kept. A user who gave prices meant these.
    """
    if table.override:
        return table
    wanted, path = sorted(set(types)), kept_at(folder, region)
    found = _kept(path)
    stale = [name for name in wanted if not _is_fresh(found.asked.get(name, 0))]
    if stale or not _is_fresh(found.time):
        try:
            found = _renewed(found, region, stale)
        except Exception:  # whatever boto3 raises: no network, no credentials, no permission, an odd answer
            if not found.asked.keys() >= set(wanted):
                return table
        else:
            _keep(path, found)
    return _with(table, region, wanted, found)


def kept_at(folder: Path, region: str) -> Path:
    """The file of the last answers about a region: asked for anew after a day, they stand where AWS cannot be asked."""
    return folder / f"prices-{region}.json"


def _is_fresh(asked: float) -> bool:
    return 0 <= time.time() - asked < _FRESH_SECONDS


def _with(table: PriceTable, region: str, wanted: list[str], found: _Answer) -> PriceTable:
    told = found.told
    is_known, is_whole = region in table.tables["regions"], told.keys() >= _OF_REGION.keys()
    if not any(told.values()) or not (is_known or is_whole):
        return table  # nothing can be planned without the price of disks and requests
    source, date = _SOURCE, _day(min([found.time, *(found.asked[name] for name in wanted)]))
    if is_known and not (is_whole and set(wanted) <= set(told["on_demand"])):
        source = f"{table.source(region)}, where there is none of the {_SOURCE}"
    if "serverless" in told:
        told = {**told, "serverless": {**told["serverless"], "source": _SOURCE, "date": _day(found.time)}}
    return table.given(region, {**told, "source": source, "date": date})


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _client() -> Any:
    if "AWS_ENDPOINT_URL" in os.environ and "AWS_ENDPOINT_URL_PRICING" not in os.environ:
        raise LookupError("what is asked in AWS's place has no price list")
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3})  # the API is soon too busy
    return boto3.client("pricing", region_name=_API_REGION, config=config)


def _renewed(kept: _Answer, region: str, types: list[str]) -> _Answer:
    """What was kept, with what AWS says now of these types, and of all else where that is older than a day."""
    client, now = _client(), time.time()
    told: dict[str, Any] = {}
    for key, prices in _of_types(client, region, types).items():
        others = {name: usd for name, usd in kept.told.get(key, {}).items() if name not in types}
        told[key] = others | prices
    asked = {**kept.asked, **dict.fromkeys(types, now)}
    if _is_fresh(kept.time):
        return _Answer(kept.time, asked, {**kept.told, **told})
    return _Answer(now, asked, told | _of_region(client, region))


def _of_types(client: Any, region: str, types: list[str]) -> dict[str, dict[str, float]]:
    told: dict[str, dict[str, float]] = {key: {} for key in _OF_TYPE}
    for name in types:
        for key, (service, fields) in _OF_TYPE.items():
            for price in _prices(client, service, {"regionCode": region, "instanceType": name} | fields):
                if price.unit in _HOUR:
                    told[key].setdefault(name, price.usd)
    return told


def _of_region(client: Any, region: str) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for key, (service, fields, unit, many) in _OF_REGION.items():
        for price in _prices(client, service, {"regionCode": region} | fields):
            if price.unit == unit:
                told.setdefault(key, price.usd * many)
    service, fields = _SERVERLESS
    used = {price.usage: price.usd for price in _prices(client, service, {"regionCode": region} | fields)}
    with suppress(KeyError):
        told["serverless"] = _serverless(used)
    return told


def _serverless(used: Mapping[str, float]) -> dict[str, Any]:
    """Raises KeyError where one of the prices is missing."""
    usd = {usage.rpartition("EMR-SERVERLESS-")[2]: price for usage, price in used.items()}
    return {
        "disk_gb_hour": usd["StorageGBHours"],
        "vcpu_hour": {"aarch64": usd["ARM-vCPUHours"], "x86_64": usd["vCPUHours"]},
        "gb_hour": {"aarch64": usd["ARM-MemoryGBHours"], "x86_64": usd["MemoryGBHours"]},
    }


def _prices(client: Any, service: str, fields: Mapping[str, str]) -> Iterator[_Price]:
    """Of what has these fields, on demand; what costs nothing is left out."""
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]
    answer = client.get_products(ServiceCode=service, Filters=filters, FormatVersion="aws_v1", MaxResults=100)
    for text in answer["PriceList"]:
        product = json.loads(text)
        usage = product["product"]["attributes"].get("usagetype", "")
        for term in product["terms"].get("OnDemand", {}).values():
            for dimension in term["priceDimensions"].values():
                amount = float(dimension["pricePerUnit"].get("USD", 0))
                if amount > 0:
                    yield _Price(usage, dimension["unit"].lower(), amount)


def _kept(path: Path) -> _Answer:
    """The last answers; nothing of a file that is none."""
    try:
        found = json.loads(path.read_text("utf-8"))
        at, asked = float(found["time"]), found["asked"]
        if isinstance(asked, list):  # as of a version that kept one answer
            asked = dict.fromkeys(asked, at)
        told = {key: dict(found["told"][key]) for key in _OF_TYPE}
        return _Answer(at, {name: float(asked[name]) for name in asked}, {**found["told"], **told})
    except (OSError, ValueError, KeyError, TypeError):
        return _Answer(0, {}, {})


def _keep(path: Path, found: _Answer) -> None:
    with suppress(OSError):  # prices are asked for again, then
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(found._asdict()), "utf-8")
        part.replace(path)
