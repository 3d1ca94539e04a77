"""What Hadoop's own configuration says: the addresses at which NameNodes answer HTTP, and whether YARN keeps logs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

from jobs.errors import UsageError

ADDRESSES = "JOBS_WEBHDFS"
"""The environment variable that names the NameNodes' HTTP addresses, `http://host:9870`, several with commas."""

NO_KERBEROS = (
    "the cluster wants Kerberos, which is not supported",
    "copy the data to where it can be read without, for instance with `hadoop fs` or `hadoop distcp`",
)
"""What is wrong with such a cluster, and what to do."""

_CONTAINER_MB = 1024  # Hadoop's default
_PORT = 9870
_HISTORY_PORT = 19888
_MANAGER_PORT = 8088
_LOOPBACK = ("127.", "localhost:", "[::1]")
_SYSTEM_FOLDER = Path("/etc/hadoop/conf")
_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_HOW = f"set HADOOP_CONF_DIR to the folder of core-site.xml, or {ADDRESSES} to http://NAMENODE:{_PORT}"


def name_nodes(authority: str, uri: str) -> tuple[str, ...]:
    """`host:port` of every NameNode of `hdfs://authority/`; the default file system's for an empty authority.

    uri: what the user wrote, for errors. Raises UsageError where none is configured, or one that cannot be talked to.
    """
    if given := os.environ.get(ADDRESSES):
        return tuple(_given(address.strip()) for address in given.split(",") if address.strip())
    conf = _properties(_folder(), "core-site.xml", "hdfs-site.xml")
    if not authority:
        default = conf.get("fs.defaultFS", conf.get("fs.default.name", ""))
        if not default:
            raise UsageError("no HDFS is configured", where=uri, fix=_HOW)
        if not default.startswith("hdfs://"):
            raise UsageError(
                f"the default file system is {default}, not HDFS",
                where=uri,
                fix="name the NameNode: hdfs://host:port/path",
            )
        authority = urlsplit(default).netloc
    if conf.get("hadoop.security.authentication", "simple").lower() == "kerberos":
        what, fix = NO_KERBEROS
        raise UsageError(what, where=uri, fix=fix)
    if conf.get("dfs.http.policy", "HTTP_ONLY").upper() == "HTTPS_ONLY":
        raise _no_https(uri)
    return _addresses(conf, authority)


def place() -> dict[str, str]:
    """What of the environment says where HDFS is, for a driver elsewhere."""
    return {ADDRESSES: given} if (given := os.environ.get(ADDRESSES)) else {}


def is_on_this_machine() -> bool:
    """Whether the default file system's NameNode is here, and then all of the cluster."""
    try:
        return name_nodes("", "hdfs:///")[0].startswith(_LOOPBACK)
    except UsageError:
        return False


def container_megabytes(role: str) -> int:
    """The memory of containers of map or reduce tasks where a job does not say."""
    given = _properties(_folder(), "mapred-site.xml").get(f"mapreduce.{role}.memory.mb", "")
    return int(given) if given.isdecimal() else _CONTAINER_MB


def logs_are_collected() -> bool:
    """Whether YARN collects what containers wrote, which by Hadoop's default it does not; True also where no
    configuration of YARN can be read here."""
    folder = _yarn_folder()
    if folder is None or not (folder / "yarn-site.xml").is_file():
        return True
    try:
        conf = _properties(folder, "core-site.xml", "yarn-site.xml")
    except UsageError:
        return True
    return conf.get("yarn.log-aggregation-enable", "").lower() == "true"


def resource_managers() -> list[str]:
    """`host:port` at which each ResourceManager answers HTTP; empty where no configuration names one."""
    try:
        conf = _properties(_yarn_folder(), "core-site.xml", "yarn-site.xml")
    except UsageError:
        return []
    if conf.get("yarn.http.policy", "HTTP_ONLY").upper() == "HTTPS_ONLY":
        return []
    prefix = "yarn.resourcemanager"
    several = conf.get(f"{prefix}.ha.enabled", "").lower() == "true"
    names = [f".{name.strip()}" for name in conf.get(f"{prefix}.ha.rm-ids", "").split(",")] if several else [""]
    found = []
    for name in names:
        page, host, rpc = (conf.get(f"{prefix}.{key}{name}", "") for key in ("webapp.address", "hostname", "address"))
        if page or host or rpc:
            found.append(_on_host(page or f":{_MANAGER_PORT}", host or _host(rpc)))
    return found


def history_server() -> str | None:
    """`host:port` at which the job history server answers HTTP; None where the configuration names none."""
    try:
        conf = _properties(_folder(), "core-site.xml", "mapred-site.xml")
    except UsageError:
        return None
    page, rpc = (conf.get(f"mapreduce.jobhistory.{name}", "") for name in ("webapp.address", "address"))
    if not (page or rpc) or conf.get("mapreduce.jobhistory.http.policy", "HTTP_ONLY").upper() != "HTTP_ONLY":
        return None
    return _on_host(page or f":{_HISTORY_PORT}", _host(rpc or page))


def _no_https(where: str) -> UsageError:
    return UsageError(
        "HDFS over HTTPS (swebhdfs) is not supported", where=where, fix=f"use NameNodes that answer http://host:{_PORT}"
    )


def _given(address: str) -> str:
    """`host:port` of an address that the user gave."""
    scheme, found, rest = address.partition("://")
    if found and scheme in ("https", "swebhdfs"):
        raise _no_https(f"{ADDRESSES}={address}")
    if (found and scheme not in ("http", "webhdfs")) or "/" in rest.rstrip("/"):
        raise UsageError("is no address of a NameNode", where=f"{ADDRESSES}={address}", fix=_example())
    return _with_port((rest if found else address).rstrip("/"))


def _example() -> str:
    return f"write it as {ADDRESSES}=http://host:{_PORT}"


def _addresses(conf: dict[str, str], authority: str) -> tuple[str, ...]:
    services = [name.strip() for name in conf.get("dfs.nameservices", "").split(",") if name.strip()]
    default = urlsplit(conf.get("fs.defaultFS", "")).netloc
    if authority in services:
        nodes = [name.strip() for name in conf.get(f"dfs.ha.namenodes.{authority}", "").split(",") if name.strip()]
        suffixes = [f".{authority}.{node}" for node in nodes] or [f".{authority}"]
        rpc = [conf.get(f"dfs.namenode.rpc-address{suffix}", authority) for suffix in suffixes]
        http = [conf.get(f"dfs.namenode.http-address{suffix}", "") for suffix in suffixes]
        return tuple(_on_host(address, _host(node)) for address, node in zip(http, rpc, strict=True))
    own = authority in (default, conf.get("dfs.namenode.rpc-address"))
    return (_on_host(conf.get("dfs.namenode.http-address", "") if own else "", _host(authority)),)


def _on_host(address: str, host: str) -> str:
    """The address, on that host where it names none in particular."""
    port = address.rpartition(":")[2] or str(_PORT)
    return f"{host}:{port}" if _host(address) in ("", "0.0.0.0", "[::]") else _with_port(address)  # noqa: S104 - is compared


def _host(address: str) -> str:
    return address.rpartition(":")[0] if re.search(r":\d+$", address) else address


def _with_port(address: str) -> str:
    return address if re.search(r":\d+$", address) else f"{address}:{_PORT}"


def _properties(folder: Path | None, *names: str) -> dict[str, str]:
    """The properties of the files of these names; none where there is no configuration."""
    properties: dict[str, str] = {}
    for name in names:
        if folder is not None and (folder / name).is_file():
            properties |= _read(folder / name)
    return {name: _expanded(value, properties) for name, value in properties.items()}


def _folder() -> Path | None:
    if named := os.environ.get("HADOOP_CONF_DIR"):
        return Path(named)
    if home := os.environ.get("HADOOP_HOME"):
        return Path(home) / "etc" / "hadoop"
    return _SYSTEM_FOLDER if _SYSTEM_FOLDER.is_dir() else None


def _yarn_folder() -> Path | None:
    named = os.environ.get("YARN_CONF_DIR")
    return Path(named) if named else _folder()


def _read(path: Path) -> dict[str, str]:
    try:
        found = ElementTree.parse(path).iterfind("property")  # noqa: S314 - the user's own configuration
        return {(one.findtext("name") or "").strip(): (one.findtext("value") or "").strip() for one in found}
    except (OSError, ElementTree.ParseError) as error:
        what = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(
            f"is no Hadoop configuration: {what}", where=str(path), fix="mend it, or name another"
        ) from None


def _expanded(value: str, properties: dict[str, str]) -> str:
    """With what its `${name}`s stand for; those of no known property stay."""
    for _ in range(20):  # as deep as Hadoop looks
        value, count = _VARIABLE.subn(lambda found: properties.get(found[1], os.environ.get(found[1], found[0])), value)
        if not count:
            break
    return value
