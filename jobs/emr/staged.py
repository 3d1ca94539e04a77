"""An installation that was made from a staged bundle has its nodes install the same, without index or compiler.

Which these are stands in its folder: `bootstrap.sh` writes what it installed, the scheduler host's user data those of
all processors.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from jobs.emr import staging, wheel
from jobs.emr.bundle import REQUIREMENTS, Bundle
from jobs.errors import JobError

FROM = "staged-from"
"""Holds the URI of the bundle that the installation was made from."""
FOR_NODES = "staged-for"
"""Holds a line PROCESSOR=URI for each kind of nodes."""

_STAGE = "stage them, from a checkout: python -m scripts.infra deploy scheduler"


def uri(architecture: str) -> str | None:
    """The staged bundle for nodes of that processor; None where this installation was not made from one.

    Raises JobError where there is none for that processor, or it is gone.
    """
    home = Path(sys.prefix).resolve()
    if not ((home / FROM).is_file() and wheel.ROOT.is_relative_to(home)):  # it may be the Python of a checkout
        return None
    known = {platform.machine(): (home / FROM).read_text("utf-8").strip(), **_listed(home / FOR_NODES)}
    if architecture not in known:
        fix = f"{_STAGE}; or choose from those that are: --architecture {' or '.join(known)}"
        raise JobError(f"names no packages for {architecture}", where=str(home / FOR_NODES), fix=fix)
    found = known[architecture]
    if not staging.is_there(f"{found}/{REQUIREMENTS}"):
        raise JobError(f"the packages for {architecture} are no longer there", where=found, fix=_STAGE)
    return found


def fetch(uri: str, folder: Path, architecture: str) -> Bundle:
    """A staged bundle, fetched into `folder` unless it is there already. Raises JobError."""
    digest = uri.rpartition("/")[2]
    place = folder / f"{architecture}-{digest}"
    if not place.is_dir():
        staging.get(uri, place)
    return Bundle(place, digest)


def _listed(path: Path) -> dict[str, str]:
    lines = path.read_text("utf-8").split() if path.is_file() else ()
    return {name: uri for name, equals, uri in (line.partition("=") for line in lines) if equals}
