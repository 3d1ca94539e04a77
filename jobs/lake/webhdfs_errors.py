"""What HDFS's errors mean to a user."""

from __future__ import annotations

import http.client

from jobs.errors import AwayError, InputError, JobError
from jobs.lake.hadoop_conf import NO_KERBEROS

BROKEN = (OSError, http.client.HTTPException)
"""What a connection that cannot be made, or breaks, raises."""


NO_IDS = "NoFileId"
"""The kind of an answer that knows no ids of files, by which they are pinned and renamed: HttpFS gives such."""
DENIED = "AccessControlException"
"""The kind of an answer that the user may not."""
_FINAL = {"FileNotFoundException", DENIED, NO_IDS}
"""What HDFS would say again."""


class HdfsError(Exception):
    """HDFS refuses: the Java exception's simple name (empty where the answer names none), its message, the status."""

    def __init__(self, kind: str, message: str, status: int) -> None:
        self.kind, self.message, self.status = kind, message.partition("\n")[0], status
        super().__init__(kind, self.message, status)


class UnreachableError(Exception):
    """A NameNode or DataNode does not answer. is_final: and never will, so trying again is no use."""

    def __init__(self, role: str, address: str, what: str, *, is_final: bool = False) -> None:
        self.role, self.address, self.is_final = role, address, is_final
        super().__init__(f"the {role} {address} cannot be reached: {what}")


def refusal(error: Exception, where: str, kind: type[JobError] = InputError) -> JobError:
    """The error for the user, of the given kind; errors of ours stay as they are."""
    if isinstance(error, JobError):
        return error
    what, fix = _unreachable(error) if isinstance(error, UnreachableError) else _explained(error)
    if kind is InputError and _may_pass(error):
        kind = AwayError
    return kind(what, where=where, fix=fix)


def _may_pass(error: Exception) -> bool:
    """Whether another try may end otherwise."""
    return not (isinstance(error, HdfsError) and (error.status == 401 or error.kind in _FINAL))


def _unreachable(error: UnreachableError) -> tuple[str, str]:
    if error.role == "DataNode":
        return str(error), "DataNodes must be reachable from here, by the names that the NameNode gives them"
    return str(error), (
        "check that it runs, and HADOOP_CONF_DIR or JOBS_WEBHDFS; hdfs:///path is the default file system's"
    )


def _explained(error: Exception) -> tuple[str, str | None]:
    if not isinstance(error, HdfsError):
        raise error
    if error.status == 401:
        return NO_KERBEROS
    if error.kind == "FileNotFoundException":
        return "no such file or directory", "check the name"
    if error.kind == DENIED:
        detail = error.message.removeprefix("Permission denied: ")
        return f"no permission in HDFS ({detail})", "set HADOOP_USER_NAME to who may, or ask its owner"
    if error.kind == NO_IDS:
        return "HttpFS answers there, which does not say which file is which", (
            "HADOOP_CONF_DIR or JOBS_WEBHDFS must name NameNodes, which must be reachable from here"
        )
    if error.kind == "SafeModeException":
        return "HDFS is in safe mode and takes no changes", "run again when it is not: hdfs dfsadmin -safemode wait"
    if error.kind.endswith("QuotaExceededException"):
        return f"a quota of HDFS is used up: {error.message}", "make room there, or have the quota raised"
    if "could only be written to 0 of" in error.message or "Failed to find datanode" in error.message:
        return "every DataNode is full or away", "hdfs dfsadmin -report shows which there are, and their room"
    if error.kind == "StandbyException":
        return "no NameNode is active", "run again when one is: hdfs haadmin -getAllServiceState"
    if not error.kind:
        return f"no WebHDFS answers there ({error.message})", "HADOOP_CONF_DIR or JOBS_WEBHDFS must name its HTTP port"
    return f"HDFS answers {error.kind}: {error.message}", None
