"""Amazon EMR for rehearsals: S3 and EMR's control plane by moto, and machines that do what they are told.

python -m scripts.emr_rehearsal             # until interrupted; prints what leads the suite and the AWS command there
python -m scripts.emr_rehearsal --lake sample_data --port PORT --dir FOLDER --record FILE

Steps, and runs of EMR Serverless, go to a Hadoop cluster of this machine, where s3:// is this server; bootstrap actions
run in a folder that stands for a node and knows nothing of this checkout. What EMR refuses is refused, logs lie where
EMR lays them, states change as EMR changes them. Nodes are of this machine's processor, and prices are not asked for.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

from jobs.engine.cache import cache_folder
from jobs.engine.guard import guarded
from jobs.hadoop import cluster
from jobs.hadoop.profiles import DEFAULT, Profile
from scripts.emr_rehearsal import clusters, fleets, refusals, requests, serverless
from scripts.emr_rehearsal.node import KEYS, POLL, REGION, Node, write_spark_defaults

_NODE_MB = 12_288  # of a node for containers, as EMR gives an m7g.xlarge
_SUBMITTER = {"AWS_ACCESS_KEY_ID": "submitter", "AWS_SECRET_ACCESS_KEY": "submitter", "AWS_DEFAULT_REGION": REGION}


def _profile(url: str) -> Profile:
    """A cluster whose s3:// is the server there, with nodes as large as those that plans reckon with."""
    keys = ",".join(f"{name}={value}" for name, value in KEYS.items() if name != "AWS_DEFAULT_REGION")
    return replace(
        DEFAULT,
        properties={
            "core-site.xml": {
                "fs.s3a.endpoint": url,
                "fs.s3a.endpoint.region": REGION,
                "fs.s3a.path.style.access": "true",
                "fs.s3a.connection.ssl.enabled": "false",
                "fs.s3a.access.key": KEYS["AWS_ACCESS_KEY_ID"],
                "fs.s3a.secret.key": KEYS["AWS_SECRET_ACCESS_KEY"],
                "fs.s3a.attempts.maximum": 3,
            },
            "yarn-site.xml": {
                "yarn.nodemanager.admin-env": f"MALLOC_ARENA_MAX=4,{keys}",
                "yarn.nodemanager.resource.memory-mb": _NODE_MB,
                "yarn.scheduler.maximum-allocation-mb": _NODE_MB,
            },
        },
    )


def rehearse(port: int, folder: Path, record: Path | None, logs: Path | None) -> None:
    """Serve until the process ends, with everything below `folder`; the cluster ends with the process. logs: a folder
    that lies in the bucket `lake`, below readings/."""
    serverless.install()
    fleets.install()
    refusals.install()
    if record is not None:
        requests.record(record)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    if logs is not None:
        _fill(url, logs)
    home = folder / "cluster"
    if find_spec("pyspark"):
        write_spark_defaults(home)
    started = cluster.up(home, cache_folder(), lambda text: None, _profile(url), die_with_parent=True)
    try:
        clusters.install(started.layout.address("resourcemanager-http"))
        for name, value in {"AWS_ENDPOINT_URL": url, **_SUBMITTER}.items():
            print(f"export {name}={value}", flush=True)
        node = Node(url, home, folder / "node")
        asked = (clusters.Clusters(node), serverless.Applications(node))
        while True:
            for each in asked:
                each.look()
            time.sleep(POLL)
    finally:
        cluster.down(cluster.find(home) or started)


def _fill(url: str, logs: Path) -> None:
    key, secret = KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"]
    s3 = boto3.client("s3", region_name=REGION, endpoint_url=url, aws_access_key_id=key, aws_secret_access_key=secret)
    s3.create_bucket(Bucket="lake")
    for path in sorted(path for path in logs.rglob("*") if path.is_file()):
        s3.upload_file(str(path), "lake", f"readings/{path.relative_to(logs)}")


def main() -> int:
    """Does what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m scripts.emr_rehearsal", description="Amazon EMR for rehearsals.")
    parser.add_argument("--port", type=int, default=0, help="of the server (default: a free one)")
    parser.add_argument("--dir", type=Path, help="where cluster and node live (default: a temporary folder)")
    parser.add_argument("--record", type=Path, help="a file for what the server is asked, and by whom")
    parser.add_argument("--lake", type=Path, help="a folder whose files are below readings/ in a bucket lake")
    chosen = parser.parse_args()
    if chosen.dir is not None:
        rehearse(chosen.port, chosen.dir, chosen.record, chosen.lake)
    with tempfile.TemporaryDirectory(prefix="emr-", ignore_cleanup_errors=True) as folder:
        rehearse(chosen.port, Path(folder), chosen.record, chosen.lake)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
