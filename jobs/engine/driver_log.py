"""What the driver of a Spark application wrote that ran on YARN too, in the container of its application master."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from jobs.engine import applications, hadoop_pages
from jobs.lake import hadoop_conf


def said(application: str, stream: str) -> str | None:
    """What it wrote there, once the cluster shows it; None where it does not."""
    return applications.awaited(lambda: _shown(application, stream))


def _shown(application: str, stream: str) -> str | None:
    folder = Path(os.environ.get("HADOOP_HOME", "."), "logs", "userlogs", application)
    for path in folder.glob(f"container_*_000001/{stream}"):
        return path.read_text("utf-8", "replace")
    yarn = shutil.which("yarn") if hadoop_conf.logs_are_collected() else None
    return _kept_by_node(application, stream) if yarn is None else _collected(yarn, application, stream)


def _collected(yarn: str, application: str, stream: str) -> str | None:
    command = [yarn, "logs", "-applicationId", application, "-am", "1", "-log_files", stream]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return hadoop_pages.contents(done.stdout.decode("utf-8", "replace"))


def _kept_by_node(application: str, stream: str) -> str | None:
    """What the node shows on which it ran, as the ResourceManager says."""
    for server in hadoop_conf.resource_managers():
        url = f"http://{server}/ws/v1/cluster/apps/{application}/appattempts"
        for attempt in hadoop_pages.listed(url, "appAttempt"):
            return hadoop_pages.container_log(attempt["nodeHttpAddress"], attempt["containerId"], stream)
    return None
