"""What nodes on EMR are and cost: a dated table, overridden by a user's file or by what AWS says."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import Any

from jobs.errors import InputError, UsageError
from jobs.lake import toml_file

ARCHITECTURES = ("aarch64", "x86_64")
"""Graviton, and the others."""

LEAST_SECONDS = 60.0
"""For which a node or a worker is paid, however short it was there."""

_OF_TABLE = ("families", "sizes", "emr", "spot", "regions")
_NEEDED = ("date", "source", "ebs_gb_month", "s3_1000_get", "s3_1000_put")
_OF_REGION = (*_NEEDED, "vcpu_hour", "on_demand", "emr", "serverless")
_OF_SERVERLESS = ("date", "source", "disk_gb_hour", "vcpu_hour", "gb_hour")
_OF_FAMILY, _OF_EMR, _OF_SPOT = ("architecture", "gib", "gbit"), ("share", "most", "source"), ("share", "source")
_BY_TYPE = ("vcpu_hour", "on_demand", "emr")
_WORDS = ("date", "source")


@dataclass(frozen=True, slots=True)
class Node:
    """An instance type in a region. gib: of memory; mb_s: what its network carries for hours, 10^6 bytes a second.
    Prices in USD an hour: on_demand of EC2, emr what EMR adds; spot: shares of on_demand, low and high."""

    type: str
    architecture: str
    vcpu: int
    gib: float
    mb_s: float
    on_demand: float
    emr: float
    spot: tuple[float, float]


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by region and type. tables: as in prices.toml. override: the user's file, if there is one."""

    tables: Mapping[str, Any]
    override: str | None = None

    def types(self, architecture: str) -> tuple[str, ...]:
        """All types of an architecture, in the order of the table."""
        families = [name for name, family in self.tables["families"].items() if family["architecture"] == architecture]
        return tuple(f"{family}.{size}" for family in families for size in self.tables["sizes"])

    def node(self, region: str, name: str) -> Node:
        """Raises UsageError for a region or a type that has no price."""
        family_name, _, size = name.partition(".")
        family, vcpu = self.tables["families"].get(family_name), self.tables["sizes"].get(size)
        prices = self.region(region)
        if family is None or vcpu is None:
            known = ", ".join(self.tables["families"])
            raise UsageError(
                "an instance type that is not in the price table", where=name, fix=f"the families are {known}"
            )
        per_vcpu = prices.get("vcpu_hour", {}).get(family_name)
        on_demand = prices.get("on_demand", {}).get(name, None if per_vcpu is None else per_vcpu * vcpu)
        if on_demand is None:
            raise UsageError(
                f"has no price in {region}",
                where=name,
                fix=f'add "{name}" to [regions.{region}.on_demand] of a --price-table',
            )
        rule = self.tables["emr"]
        fee = prices.get("emr", {}).get(name, min(rule["share"] * on_demand, rule["most"]))
        low, high = self.tables["spot"]["share"]
        gib, mb_s = family["gib"] * vcpu, family["gbit"] * vcpu * 125
        return Node(name, family["architecture"], vcpu, gib, mb_s, on_demand, fee, (low, high))

    def region(self, name: str) -> Mapping[str, Any]:
        """The prices of a region. Raises UsageError where there are none."""
        known = self.tables["regions"]
        if name not in known:
            fix = f"the suite's own are for {', '.join(known)}; {self._asking}add [regions.{name}] in a --price-table"
            raise UsageError("no prices are known there", where=f"region {name}", fix=fix)
        found: Mapping[str, Any] = known[name]
        return found

    def serverless(self, region: str) -> Mapping[str, Any]:
        """What workers of EMR Serverless cost in a region. Raises UsageError where that is not known."""
        found: Mapping[str, Any] | None = self.region(region).get("serverless")
        if found is None:
            fix = f"{self._asking}add [regions.{region}.serverless] in a --price-table"
            raise UsageError("no prices of EMR Serverless are known there", where=f"region {region}", fix=fix)
        return found

    def source(self, region: str) -> str:
        """Where the prices of a region are from, in words."""
        prices = self.region(region)
        return f"{prices['source']}, {prices['date']}{self.overridden}"

    @property
    def overridden(self) -> str:
        """That a user's file stands above the table, in words."""
        return f", with {self.override}" if self.override else ""

    @property
    def _asking(self) -> str:
        """What else helps where there are no prices; AWS is not asked beside a user's file."""
        return "" if self.override else "let AWS be asked (pricing:GetProducts), or "

    def given(self, region: str, tables: Mapping[str, Any]) -> PriceTable:
        """The same with other entries for a region."""
        return replace(self, tables=_merged(self.tables, {"regions": {region: tables}}))


def load(path: str | None = None) -> PriceTable:
    """The shipped table; entries of the TOML file at `path` stand above it.

    Raises InputError for a file that is missing or wrong, naming file, key and reason.
    """
    shipped = PriceTable(_shipped())
    if path is None:
        return shipped
    own = toml_file.load(path, "--price-table names a TOML file")
    merged = _merged(shipped.tables, own)
    _check(own, merged, path)
    return PriceTable(merged, path)


@lru_cache
def _shipped() -> dict[str, Any]:
    return tomllib.loads((resources.files("jobs.emr") / "prices.toml").read_text("utf-8"))


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables of which the second's entries stand above the first's."""
    both = {
        name: _merged(old, value)
        if isinstance(value, Mapping) and isinstance(old := below.get(name), Mapping)
        else value
        for name, value in above.items()
    }
    return {**below, **both}


def _check(own: Mapping[str, Any], merged: Mapping[str, Any], path: str) -> None:
    _known(own, _OF_TABLE, path, "the tables are")
    for name in own:
        _expect(own[name], dict, path, name, "a table")
    for name, family in merged["families"].items():
        where = f"families.{name}"
        _expect(family, dict, path, where, "a table")
        _known(family, _OF_FAMILY, path, "the keys are", where)
        if family.get("architecture") not in ARCHITECTURES:
            raise _wrong(path, f"{where}.architecture", f"must be one of {', '.join(ARCHITECTURES)}")
        for key in ("gib", "gbit"):
            _size(family.get(key), path, f"{where}.{key}")
    for name, vcpu in merged["sizes"].items():
        _size(vcpu, path, f"sizes.{name}")
    for name, keys in (("emr", _OF_EMR), ("spot", _OF_SPOT)):
        _known(merged[name], keys, path, "the keys are", name)
        _expect(merged[name]["source"], str, path, f"{name}.source", "a text")
    for key in ("share", "most"):
        _price(merged["emr"][key], path, f"emr.{key}")
    share = merged["spot"]["share"]
    if not (isinstance(share, list) and len(share) == 2 and all(map(_is_price, share)) and share[0] <= share[1] <= 1):
        raise _wrong(path, "spot.share", "must be two shares from 0 to 1, the lower first")
    for name, region in merged["regions"].items():
        _check_region(name, region, merged, path)


def _check_region(name: str, region: Any, merged: Mapping[str, Any], path: str) -> None:
    _expect(region, dict, path, f"regions.{name}", "a table")
    _known(region, _OF_REGION, path, "the keys are", f"regions.{name}")
    families = tuple(merged["families"])
    types = tuple(f"{family}.{size}" for family in families for size in merged["sizes"])
    for key, value in region.items():
        where = f"regions.{name}.{key}"
        if key == "serverless":
            _check_serverless(where, value, path)
        elif key in _BY_TYPE:
            _expect(value, dict, path, where, "a table")
            if key == "vcpu_hour":
                _known(value, families, path, "the families are", where)
            elif unknown := next((one for one in value if one not in types), None):
                fix = f"it is a family of {', '.join(families)} and a size of {', '.join(merged['sizes'])}"
                raise _wrong(path, f"{where}.{unknown}", "unknown instance type", fix)
            for one, price in value.items():
                _price(price, path, f"{where}.{one}")
        elif key in _WORDS:
            _expect(value, str, path, where, "a text")
        else:
            _price(value, path, where)
    for key in _NEEDED:
        if key not in region:
            raise _wrong(path, f"regions.{name}.{key}", "is needed")


def _check_serverless(where: str, given: Any, path: str) -> None:
    _expect(given, dict, path, where, "a table")
    for key in _OF_SERVERLESS:
        if key not in given:
            raise _wrong(path, f"{where}.{key}", "is needed")
    _known(given, _OF_SERVERLESS, path, "the keys are", where)
    for key, value in given.items():
        if key in _WORDS:
            _expect(value, str, path, f"{where}.{key}", "a text")
        elif key == "disk_gb_hour":
            _price(value, path, f"{where}.{key}")
        else:
            _expect(value, dict, path, f"{where}.{key}", "a table")
            _known(value, ARCHITECTURES, path, "the keys are", f"{where}.{key}")
            for architecture in ARCHITECTURES:
                _price(value.get(architecture), path, f"{where}.{key}.{architecture}")


def _known(given: Mapping[str, Any], keys: Collection[str], path: str, what: str, where: str = "") -> None:
    for key in given:
        if key not in keys:
            raise _wrong(path, f"{where}.{key}".lstrip("."), "unknown key", f"{what} {', '.join(keys)}")


def _expect(value: Any, kind: type, path: str, key: str, words: str) -> None:
    if not isinstance(value, kind):
        raise _wrong(path, key, f"must be {words}")


def _price(value: Any, path: str, key: str) -> None:
    if not _is_price(value):
        raise _wrong(path, key, "must be a number that is not negative")


def _size(value: Any, path: str, key: str) -> None:
    if not _is_price(value) or value == 0:
        raise _wrong(path, key, "must be a number above 0")


def _is_price(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9


def _wrong(path: str, key: str, what: str, fix: str | None = None) -> InputError:
    return InputError(what, where=f"{path}: {key}", fix=fix)
