"""The price table: complete, overridable, and what is wrong in a user's is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.emr import outlook, prices
from jobs.errors import InputError, JobError, UsageError


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2", "eu-central-1"])
@pytest.mark.parametrize("architecture", prices.ARCHITECTURES)
@pytest.mark.parametrize("readings", [False, True])
def test_every_node_that_a_cluster_may_have_is_priced(region: str, architecture: str, readings: bool) -> None:
    table = prices.load()
    for name in outlook.types(architecture, readings=readings):
        node = table.node(region, name)
        assert node.architecture == architecture
        assert 0.1 < node.on_demand < 1.5
        assert node.emr == min(0.25 * node.on_demand, 0.27)
        assert 0 < node.spot[0] < node.spot[1] < 1


def test_sizes_of_a_family_cost_the_same_for_each_vcpu() -> None:
    """As published for us-east-1."""
    table = prices.load()
    published = {"m7g.xlarge": 0.1632, "m7g.4xlarge": 0.6528, "r7i.2xlarge": 0.5292, "c6g.xlarge": 0.136}
    assert {name: round(table.node("us-east-1", name).on_demand, 6) for name in published} == published
    assert table.source("us-east-1") == "AWS's list prices, 2026-01-19"


def test_a_users_prices_stand_above(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[regions.us-east-1.on_demand]\n"m7g.xlarge" = 0.1\n[regions.us-east-1.emr]\n"m7g.xlarge" = 0.01\n'
        '[regions.eu-west-1]\ndate = "2026-11-01"\nsource = "our contract"\nebs_gb_month = 0.09\n'
        "s3_1000_get = 0.0004\ns3_1000_put = 0.005\n[regions.eu-west-1.vcpu_hour]\nm7g = 0.05\n"
        "[spot]\nshare = [0.2, 0.4]\n"
    )
    table = prices.load(str(own))
    cheap = table.node("us-east-1", "m7g.xlarge")
    assert (cheap.on_demand, cheap.emr, cheap.spot) == (0.1, 0.01, (0.2, 0.4))
    assert table.node("us-east-1", "m7g.2xlarge").on_demand == pytest.approx(0.3264)
    assert table.node("eu-west-1", "m7g.2xlarge").on_demand == pytest.approx(0.4)
    assert table.source("us-east-1") == f"AWS's list prices, 2026-01-19, with {own}"
    with pytest.raises(UsageError) as told:
        table.node("eu-west-1", "c7g.xlarge")
    assert str(told.value) == (
        'c7g.xlarge: has no price in eu-west-1; add "c7g.xlarge" to [regions.eu-west-1.on_demand] of a --price-table'
    )
    assert prices.load().node("us-east-1", "m7g.xlarge").on_demand == pytest.approx(0.1632)


WRONG = {
    "[region]\n": "own.toml: region: unknown key; the tables are families, sizes, emr, spot, regions",
    "regions = 3\n": "own.toml: regions: must be a table",
    "[regions.us-east-1.vcpu_hour]\nm7g = -1\n": (
        "own.toml: regions.us-east-1.vcpu_hour.m7g: must be a number that is not negative"
    ),
    "[regions.us-east-1]\nvcpu = 1\n": (
        "own.toml: regions.us-east-1.vcpu: unknown key; the keys are date, source, ebs_gb_month, s3_1000_get,"
        " s3_1000_put, vcpu_hour, on_demand, emr, serverless"
    ),
    "[regions.eu-central-1.serverless]\ndate = '2026'\n": "own.toml: regions.eu-central-1.serverless.source: is needed",
    "[regions.us-east-1.serverless]\nvcpu = 1\n": (
        "own.toml: regions.us-east-1.serverless.vcpu: unknown key; the keys are date, source, disk_gb_hour, vcpu_hour,"
        " gb_hour"
    ),
    "[regions.us-east-1.serverless.gb_hour]\naarch64 = -1\n": (
        "own.toml: regions.us-east-1.serverless.gb_hour.aarch64: must be a number that is not negative"
    ),
    "[regions.mars-1]\ndate = '2026'\n": "own.toml: regions.mars-1.source: is needed",
    "[regions.us-east-1]\ndate = 2026\n": "own.toml: regions.us-east-1.date: must be a text",
    "[spot]\nshare = [0.9, 0.1]\n": "own.toml: spot.share: must be two shares from 0 to 1, the lower first",
    "[spot]\nshare = [0.9, 1.1]\n": "own.toml: spot.share: must be two shares from 0 to 1, the lower first",
    "[spot]\nshares = [0.1, 0.2]\n": "own.toml: spot.shares: unknown key; the keys are share, source",
    "[emr]\nsource = 1\n": "own.toml: emr.source: must be a text",
    "[families.m7g]\ngbits = 1\n": ("own.toml: families.m7g.gbits: unknown key; the keys are architecture, gib, gbit"),
    "[families.m7g]\ngbit = 0\n": "own.toml: families.m7g.gbit: must be a number above 0",
    "[sizes]\nxlarge = 0\n": "own.toml: sizes.xlarge: must be a number above 0",
    '[regions.us-east-1.on_demand]\n"m7g.4xlage" = 0.61\n': (
        "own.toml: regions.us-east-1.on_demand.m7g.4xlage: unknown instance type; it is a family of m7g, m6g, r7g, r6g,"
        " c7g, c6g, m7i, m6i, r7i, r6i, c7i, c6i and a size of xlarge, 2xlarge, 4xlarge"
    ),
    "[regions.us-east-1.vcpu_hour]\nm7q = 1\n": (
        "own.toml: regions.us-east-1.vcpu_hour.m7q: unknown key; the families are m7g, m6g, r7g, r6g, c7g, c6g, m7i,"
        " m6i, r7i, r6i, c7i, c6i"
    ),
    "[regions.us-east-1.serverless.gb_hour]\narm64 = 1\n": (
        "own.toml: regions.us-east-1.serverless.gb_hour.arm64: unknown key; the keys are aarch64, x86_64"
    ),
    "[families.m9x]\narchitecture = 'risc'\n": "own.toml: families.m9x.architecture: must be one of aarch64, x86_64",
    "[emr]\nshare = true\n": "own.toml: emr.share: must be a number that is not negative",
    "families\n": "own.toml: is no TOML: Expected '=' after a key in a key/value pair (at line 1, column 9)",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_table_is_told(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text(text)
    with pytest.raises(InputError) as told:
        prices.load("own.toml")
    assert str(told.value) == WRONG[text]


def test_a_missing_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as told:
        prices.load(str(tmp_path / "none.toml"))
    assert str(told.value) == f"{tmp_path}/none.toml: no such file; --price-table names a TOML file"


@pytest.mark.parametrize(
    ("region", "name", "message"),
    [
        (
            "mars-1",
            "m7g.xlarge",
            "region mars-1: no prices are known there; the suite's own are for us-east-1, us-west-2, eu-central-1; let"
            " AWS be asked (pricing:GetProducts), or add [regions.mars-1] in a --price-table",
        ),
        (
            "us-east-1",
            "m5.xlarge",
            "m5.xlarge: an instance type that is not in the price table; the families are m7g, m6g, r7g, r6g, c7g, c6g,"
            " m7i, m6i, r7i, r6i, c7i, c6i",
        ),
    ],
)
def test_what_has_no_price_is_told(region: str, name: str, message: str) -> None:
    with pytest.raises(JobError) as told:
        prices.load().node(region, name)
    assert (told.value.status, str(told.value)) == (2, message)
