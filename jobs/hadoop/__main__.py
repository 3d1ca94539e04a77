"""`python -m jobs.hadoop`: a Hadoop cluster on this machine, in one command."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from jobs.engine.aligned import aligned
from jobs.engine.cache import cache_folder
from jobs.engine.guard import guarded, subcommands
from jobs.errors import JobError
from jobs.hadoop import cluster, daemons, jars
from jobs.hadoop.cluster import Cluster
from jobs.hadoop.profiles import PROFILES, Profile
from jobs.hadoop.terminal import status_line

_COMMANDS = {
    "up": "start the cluster, or find it running; print what to export",
    "down": "end its processes and remove its files, those in HDFS too",
    "status": "show its processes; the exit status is 0 where all are ready",
    "env": 'print what to export: eval "$(python -m jobs.hadoop env)"',
}


def main() -> int:
    """Does what the command line says. Raises JobError with the reason where it cannot."""
    options = _parser().parse_args()
    cache = (options.cache or cache_folder()).resolve()
    home = (options.dir or cluster.default_home(cache)).resolve()
    if options.command == "up":
        return _up(home, cache, PROFILES.get(options.profile))
    found = cluster.find(home)
    if found is None:
        if options.command == "down":
            print(f"there is no cluster in {home}", file=sys.stderr)
            return 0
        raise JobError("there is no cluster", where=str(home), fix="start one: python -m jobs.hadoop up")
    return {"down": _down, "status": _status, "env": _env}[options.command](found)


def _up(home: Path, cache: Path, profile: Profile | None) -> int:
    begun = time.monotonic()
    with status_line() as say:
        found = cluster.up(home, cache, say, profile)
    print(*found.exports(), sep="\n")
    sys.stdout.flush()
    print(
        f"Hadoop {jars.version()} is up after {time.monotonic() - begun:.1f} s: files at {found.layout.file_system}, "
        f"jobs at http://{found.layout.address('resourcemanager-http')}",
        file=sys.stderr,
    )
    return 0


def _down(found: Cluster) -> int:
    with status_line() as say:
        cluster.down(found, say)
    print(f"the cluster in {found.home} is down, and its files are gone", file=sys.stderr)
    return 0


def _status(found: Cluster) -> int:
    states = found.states()
    rows = [("role", "pid", "address", "state")]
    for role in daemons.roles(found.layout):
        pid = str(found.pids.get(role.name, "-"))
        rows.append((role.name, pid, found.layout.address(role.port), states[role.name]))
    print(*aligned(rows, right=(1,)), sep="\n")
    return 0 if set(states.values()) == {"ready"} else 1


def _env(found: Cluster) -> int:
    if "down" in found.states().values():  # one that is only slow to answer is there
        raise JobError("the cluster is not running", where=str(found.home), fix="start it: python -m jobs.hadoop up")
    print(*found.exports(), sep="\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jobs.hadoop",
        description="A small Hadoop on this machine: HDFS, and YARN with two nodes, on free loopback ports. It needs "
        "Java 17 or newer, and Maven, which fetches Apache's jars once.",
        epilog=f"It is for trying things out: 'down' removes what is in it. The jars stay in {_default_cache()}.",
        allow_abbrev=False,
    )
    for name, command in subcommands(parser, _COMMANDS):
        command.add_argument(
            "--dir", type=Path, metavar="DIR", help="the cluster's folder; each has a cluster of its own"
        )
        command.add_argument("--cache", type=Path, metavar="DIR", help="where the jars are")
        if name == "up":
            kinds = "; ".join(f"{profile.name}, {profile.purpose}" for profile in PROFILES.values())
            command.add_argument("--profile", choices=PROFILES, help=f"what kind of cluster it is: {kinds}")
    return parser


def _default_cache() -> str:
    """The cache as people write it."""
    folder = cache_folder()
    return f"~/{folder.relative_to(Path.home())}" if folder.is_relative_to(Path.home()) else str(folder)


if __name__ == "__main__":
    sys.exit(guarded(main))
