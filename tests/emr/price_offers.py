"""Offers of AWS's Price List API, as for Ireland, with the attributes that it gives them, and beside them those that a
wrong question would find; and a server that answers as the API does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from tests.http_server import Answer, http_server

REGION = "eu-west-1"
_EC2 = {"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}


def _offer(service: str, family: str, usage: str, price: str, unit: str, **attributes: str) -> dict[str, Any]:
    dimension = {"unit": unit, "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": price}, "appliesTo": []}
    about = {"servicecode": service, "locationType": "AWS Region", "regionCode": REGION, "usagetype": usage}
    return {
        "product": {"productFamily": family, "sku": usage, "attributes": about | attributes},
        "serviceCode": service,
        "terms": {"OnDemand": {f"{usage}.JRTCKXETXF": {"priceDimensions": {f"{usage}.6YS6EN2CT7": dimension}}}},
    }


def node(name: str, on_demand: str = "0.1820000000", fee: str = "0.0455000000") -> list[dict[str, Any]]:
    """Of an instance type."""
    box = partial(_offer, "AmazonEC2", "Compute Instance", f"EU-BoxUsage:{name}", instanceType=name)
    return [
        box("0.0000000000", "Hrs", **_EC2),  # as of what is reserved
        box("9.0", "Quantity", **_EC2),
        box("9.0", "Hrs", **_EC2 | {"operatingSystem": "Windows"}),
        box("9.0", "Hrs", **_EC2 | {"capacitystatus": "UnusedCapacityReservation"}),
        box(on_demand, "Hrs", **_EC2),
        _offer(
            "ElasticMapReduce",
            "Elastic Map Reduce Instance",
            f"EU-BoxUsage:{name}",
            fee,
            "Hrs",
            instanceType=name,
            softwareType="EMR",
        ),
    ]


def _disk(kind: str, price: str) -> dict[str, Any]:
    about = {"storageMedia": "SSD-backed", "volumeApiName": kind, "volumeType": "General Purpose"}
    return _offer("AmazonEC2", "Storage", f"EU-EBS:VolumeUsage.{kind}", price, "GB-Mo", **about)


def _requests(tier: str, price: str) -> dict[str, Any]:
    return _offer("AmazonS3", "API Request", f"EU-Requests-{tier}", price, "Requests", group=f"S3-API-{tier}")


def _serverless(what: str, price: str, unit: str) -> dict[str, Any]:
    return _offer("ElasticMapReduce", "EMR Serverless", f"EU-EMR-SERVERLESS-{what}", price, unit)


PLACE = [
    _offer("AmazonEC2", "System Operation", "EU-EBS:VolumeP-IOPS.gp3", "0.0055", "IOPS-Mo", volumeApiName="gp3"),
    _disk("gp2", "0.1100000000"),
    _disk("gp3", "0.0880000000"),
    _requests("SIA-Tier1", "0.0000100000"),
    _requests("Tier1", "0.0000050000"),
    _requests("Tier2", "0.0000004000"),
]
SERVERLESS = [
    _serverless("vCPUHours", "0.0578864000", "vCPU-Hours"),
    _serverless("ARM-vCPUHours", "0.0463034000", "vCPU-Hours"),
    _serverless("MemoryGBHours", "0.0063563500", "GB-Hours"),
    _serverless("ARM-MemoryGBHours", "0.0050908000", "GB-Hours"),
    _serverless("StorageGBHours", "0.0001221000", "GB-Hours"),
    _serverless("Other-StorageGBHours", "9.0", "GB-Hours"),
]


def in_region(region: str, offers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same offers elsewhere."""
    moved: list[dict[str, Any]] = json.loads(json.dumps(offers).replace(f'"{REGION}"', f'"{region}"'))
    return moved


@contextmanager
def price_api(
    offers: list[dict[str, Any]], asked: list[dict[str, Any]] | None = None, status: int = 200
) -> Iterator[str]:
    """Where the API answers, of these offers. asked: takes every question."""

    def answer(path: str, said: bytes) -> Answer:
        question = json.loads(said)
        if asked is not None:
            asked.append(question)
        found = [json.dumps(offer) for offer in offers if _fits(offer, question)]
        return (
            status,
            "application/x-amz-json-1.1",
            json.dumps({"FormatVersion": "aws_v1", "PriceList": found}).encode(),
        )

    with http_server(answer) as address:
        yield address


def _fits(offer: dict[str, Any], question: dict[str, Any]) -> bool:
    """As TERM_MATCH: every field has the value."""
    has = {"productFamily": offer["product"]["productFamily"], **offer["product"]["attributes"]}
    wanted = {one["Field"]: one["Value"] for one in question["Filters"]}
    return bool(offer["serviceCode"] == question["ServiceCode"] and wanted.items() <= has.items())
