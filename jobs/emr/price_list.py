"""Today's prices from AWS's Price List API, kept for a day; a plan never fails for want of them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jobs.emr.prices import PriceTable
from jobs.errors import UsageError

_KEPT_SECONDS = 86_400
_API_REGION = "us-east-1"  # where the API is, whichever region is asked about
_EC2 = {"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}
_EMR = {"softwareType": "EMR"}


def current(table: PriceTable, region: str, types: Iterable[str], folder: Path) -> PriceTable:
    """The table with what AWS says of these types in the region, or as it is, where AWS cannot be asked.

    folder: where answers are kept. A user who gave prices meant these.
    """
    if table.override:
        return table
    wanted = sorted(set(types))
    path = folder / f"prices-{region}.json"
    found = _kept(path, wanted)
    if found is None:
        try:
            found = _asked(_client(), region, wanted)
        except Exception:  # whatever boto3 raises: no network, no credentials, no permission, an odd answer
            return table
        _keep(path, found)
    if not found["on_demand"]:
        return table
    with suppress(UsageError):  # of a region that the table lacks, as disks and requests have no price there
        shipped = table.source(region)
        source = "AWS Price List API"
        if set(wanted) - set(found["on_demand"]):
            source = f"{shipped}, where there is none of the AWS Price List API"
        day = time.strftime("%Y-%m-%d", time.gmtime(found["time"]))
        told = {"on_demand": found["on_demand"], "emr": found["emr"]}
        return table.given(region, {**told, "source": source, "date": day})
    return table


def _client() -> Any:
    if "AWS_ENDPOINT_URL" in os.environ and "AWS_ENDPOINT_URL_PRICING" not in os.environ:
        raise LookupError("what is asked in AWS's place has no price list")
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})
    return boto3.client("pricing", region_name=_API_REGION, config=config)


def _asked(client: Any, region: str, types: list[str]) -> dict[str, Any]:
    prices: dict[str, Any] = {"time": time.time(), "asked": types, "on_demand": {}, "emr": {}}
    for name in types:
        of_type = {"instanceType": name, "regionCode": region}
        for key, service, filters in (("on_demand", "AmazonEC2", _EC2), ("emr", "ElasticMapReduce", _EMR)):
            for price in _products(client, service, of_type | filters):
                prices[key][name] = price
                break
    return prices


def _products(client: Any, service: str, fields: Mapping[str, str]) -> Iterator[float]:
    """The hourly prices on demand of what has these fields."""
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]
    answer = client.get_products(ServiceCode=service, Filters=filters, FormatVersion="aws_v1", MaxResults=100)
    for text in answer["PriceList"]:
        product = json.loads(text)
        for term in product["terms"].get("OnDemand", {}).values():
            for dimension in term["priceDimensions"].values():
                amount = float(dimension["pricePerUnit"].get("USD", 0))
                if amount > 0 and dimension["unit"].lower() in ("hrs", "hours"):
                    yield amount


def _kept(path: Path, types: list[str]) -> dict[str, Any] | None:
    """An answer of the last day that tells of all these types."""
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        is_fresh = 0 <= time.time() - found["time"] < _KEPT_SECONDS and set(types) <= set(found["asked"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if is_fresh else None


def _keep(path: Path, prices: dict[str, Any]) -> None:
    with suppress(OSError):  # prices are asked for again, then
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(prices), "utf-8")
        part.replace(path)
