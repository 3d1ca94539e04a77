"""Where HDFS is, told by Hadoop's configuration or the environment, and what cannot be talked to."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.errors import UsageError
from jobs.lake import hadoop_conf

HOW = "set HADOOP_CONF_DIR to the folder of core-site.xml, or JOBS_WEBHDFS to http://NAMENODE:9870"
AGGREGATION = "<property><name>yarn.log-aggregation-enable</name><value>{}</value></property>"
SERVICE = {
    "fs.defaultFS": "hdfs://lake",
    "dfs.nameservices": "lake,attic",
    "dfs.ha.namenodes.lake": "one, two",
    "dfs.namenode.rpc-address.lake.one": "a.example:8020",
    "dfs.namenode.rpc-address.lake.two": "b.example:8020",
    "dfs.namenode.http-address.lake.one": "0.0.0.0:50070",
    "dfs.namenode.http-address.attic": "c.example:50070",
}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HADOOP_CONF_DIR", "YARN_CONF_DIR", "HADOOP_HOME", "JOBS_WEBHDFS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hadoop_conf, "_SYSTEM_FOLDER", tmp_path / "none")


def _configure(folder: Path, core: dict[str, str], hdfs: dict[str, str] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, properties in (("core-site.xml", core), ("hdfs-site.xml", hdfs or {})):
        lines = [f"<property><name>{k}</name><value>\n{v} </value></property>" for k, v in properties.items()]
        (folder / name).write_text(f"<configuration>{''.join(lines)}</configuration>")
    return folder


def _found(authority: str = "") -> tuple[str, ...]:
    return hadoop_conf.name_nodes(authority, f"hdfs://{authority}/x")


def _refusal(authority: str = "") -> str:
    with pytest.raises(UsageError) as refused:
        _found(authority)
    return str(refused.value)


@pytest.mark.parametrize(
    ("core", "hdfs", "authority", "found"),
    [
        ({"fs.defaultFS": "hdfs://nn.example:8020"}, {}, "", ("nn.example:9870",)),
        ({"fs.defaultFS": "hdfs://nn.example"}, {}, "", ("nn.example:9870",)),
        (
            {"fs.defaultFS": "hdfs://nn:8020"},
            {"dfs.namenode.http-address": "web.example:50070"},
            "",
            ("web.example:50070",),
        ),
        ({"fs.defaultFS": "hdfs://nn:8020"}, {"dfs.namenode.http-address": "0.0.0.0:50070"}, "nn:8020", ("nn:50070",)),
        ({"fs.defaultFS": "hdfs://nn:8020"}, {"dfs.namenode.http-address": "web:1"}, "other:8020", ("other:9870",)),
        ({"fs.defaultFS": "hdfs://${host}:${port}", "host": "nn", "port": "8020"}, {}, "", ("nn:9870",)),
        (SERVICE, {}, "", ("a.example:50070", "b.example:9870")),
        (SERVICE, {}, "lake", ("a.example:50070", "b.example:9870")),
        (SERVICE, {}, "attic", ("c.example:50070",)),
    ],
)
def test_the_configuration_names_the_name_nodes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    core: dict[str, str],
    hdfs: dict[str, str],
    authority: str,
    found: tuple[str, ...],
) -> None:
    monkeypatch.setenv("HADOOP_CONF_DIR", str(_configure(tmp_path / "conf", core, hdfs)))
    assert _found(authority) == found


def test_where_the_configuration_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _found("nn:8020") == ("nn:9870",)
    monkeypatch.setattr(
        hadoop_conf, "_SYSTEM_FOLDER", _configure(tmp_path / "system", {"fs.defaultFS": "hdfs://system"})
    )
    assert _found() == ("system:9870",)
    _configure(tmp_path / "home/etc/hadoop", {"fs.defaultFS": "hdfs://home"})
    monkeypatch.setenv("HADOOP_HOME", str(tmp_path / "home"))
    assert _found() == ("home:9870",)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(_configure(tmp_path / "conf", {"fs.defaultFS": "hdfs://conf"})))
    assert _found() == ("conf:9870",)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("http://nn:50070", ("nn:50070",)),
        ("http://nn:50070/", ("nn:50070",)),
        ("nn", ("nn:9870",)),
        ("http://a:1, http://b:2,", ("a:1", "b:2")),
    ],
)
def test_the_environment_names_them(monkeypatch: pytest.MonkeyPatch, given: str, found: tuple[str, ...]) -> None:
    monkeypatch.setenv("JOBS_WEBHDFS", given)
    assert _found() == _found("elsewhere:8020") == found


def test_nothing_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _refusal() == f"hdfs:///x: no HDFS is configured; {HOW}"
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path / "none"))
    assert _refusal() == f"hdfs:///x: no HDFS is configured; {HOW}"
    monkeypatch.setenv("HADOOP_CONF_DIR", str(_configure(tmp_path / "conf", {"fs.defaultFS": "s3a://lake"})))
    assert _refusal() == (
        "hdfs:///x: the default file system is s3a://lake, not HDFS; name the NameNode: hdfs://host:port/path"
    )
    (tmp_path / "conf/core-site.xml").write_text("<configuration>")
    assert _refusal() == (
        f"{tmp_path}/conf/core-site.xml: is no Hadoop configuration: no element found: line 1, column 15;"
        " mend it, or name another"
    )


def test_what_is_not_supported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    core = {"fs.defaultFS": "hdfs://nn", "hadoop.security.authentication": "kerberos"}
    monkeypatch.setenv("HADOOP_CONF_DIR", str(_configure(tmp_path / "kerberos", core)))
    assert _refusal() == (
        "hdfs:///x: the cluster wants Kerberos, which is not supported; "
        "copy the data to where it can be read without, for instance with `hadoop fs` or `hadoop distcp`"
    )
    https = _configure(tmp_path / "https", {"fs.defaultFS": "hdfs://nn"}, {"dfs.http.policy": "HTTPS_ONLY"})
    monkeypatch.setenv("HADOOP_CONF_DIR", str(https))
    assert _refusal() == (
        "hdfs:///x: HDFS over HTTPS (swebhdfs) is not supported; use NameNodes that answer http://host:9870"
    )
    monkeypatch.setenv("JOBS_WEBHDFS", "https://nn:9871")
    assert _refusal() == (
        "JOBS_WEBHDFS=https://nn:9871: HDFS over HTTPS (swebhdfs) is not supported; "
        "use NameNodes that answer http://host:9870"
    )
    monkeypatch.setenv("JOBS_WEBHDFS", "ftp://nn")
    assert _refusal() == (
        "JOBS_WEBHDFS=ftp://nn: is no address of a NameNode; write it as JOBS_WEBHDFS=http://host:9870"
    )


@pytest.mark.parametrize(
    ("site", "collected"),
    [
        (None, True),
        ("<configuration", True),
        ("<configuration/>", False),
        (f"<configuration>{AGGREGATION.format('false')}</configuration>", False),
        (f"<configuration>{AGGREGATION.format('True')}</configuration>", True),
    ],
)
@pytest.mark.parametrize("variable", ["HADOOP_CONF_DIR", "YARN_CONF_DIR"])
def test_whether_yarn_collects_logs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, site: str | None, collected: bool, variable: str
) -> None:
    """What is not known is not denied."""
    if site is not None:
        (tmp_path / "yarn-site.xml").write_text(site)
    monkeypatch.setenv(variable, str(tmp_path))
    assert hadoop_conf.logs_are_collected() is collected


def _write(site: Path, prefix: str, properties: dict[str, str]) -> None:
    lines = (f"<property><name>{prefix}.{n}</name><value>{v}</value></property>" for n, v in properties.items())
    site.write_text(f"<configuration>{''.join(lines)}</configuration>")


@pytest.mark.parametrize(
    ("properties", "address"),
    [
        ({}, None),
        ({"webapp.address": "history:19888"}, "history:19888"),
        ({"webapp.address": "0.0.0.0:20000", "address": "history:10020"}, "history:20000"),
        ({"address": "history:10020"}, "history:19888"),
        ({"webapp.address": "history:19888", "http.policy": "HTTPS_ONLY"}, None),
    ],
)
def test_where_the_history_server_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, properties: dict[str, str], address: str | None
) -> None:
    _write(tmp_path / "mapred-site.xml", "mapreduce.jobhistory", properties)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    assert hadoop_conf.history_server() == address


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({}, []),
        ({"hostname": "rm"}, ["rm:8088"]),
        ({"address": "rm:8032"}, ["rm:8088"]),
        ({"hostname": "rm", "webapp.address": "${yarn.resourcemanager.hostname}:80"}, ["rm:80"]),
        (
            {"ha.enabled": "true", "ha.rm-ids": "a, b", "hostname.a": "one", "webapp.address.b": "two:90"},
            ["one:8088", "two:90"],
        ),
    ],
)
def test_where_the_resource_managers_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, properties: dict[str, str], found: list[str]
) -> None:
    _write(tmp_path / "yarn-site.xml", "yarn.resourcemanager", properties)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    assert hadoop_conf.resource_managers() == found
    (tmp_path / "yarn-site.xml").write_text("<configuration")
    assert hadoop_conf.resource_managers() == []
