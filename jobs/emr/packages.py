"""What nodes and workers install, wherever it comes from: staged with this installation, or built here and staged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jobs.emr import archive, bundle, staged, staging
from jobs.emr.cluster import PACKAGES
from jobs.errors import JobError

Say = Callable[[str], None]


def for_nodes(folder: Path, architecture: str, base_uri: str, say: Say = lambda architecture: None) -> str:
    """The URI of the bundle for nodes of that processor, which is there when this returns.

    folder: where bundles are built and kept; base_uri: below it they are staged; say: is told the processor before one
    is built. Raises JobError.
    """
    return staged.uri(architecture) or bundle.stage(bundle.build(folder, architecture, say), base_uri)


def for_workers(folder: Path, architecture: str, base_uri: str, say: Say = lambda architecture: None) -> str:
    """The URI of the folder with the bundle's archive, for workers that install nothing; the same otherwise."""
    if (uri := staged.uri(architecture)) is None:
        return archive.stage(bundle.build(folder, architecture, say), base_uri)
    there = archive.uri(uri.rpartition("/")[2], base_uri)
    if staging.is_there(f"{there}/{archive.NAME}"):  # the last of its files
        return there
    return archive.stage(staged.fetch(uri, folder, architecture), base_uri)


def digest(uri: str) -> str:
    """Of what is there, by its URI."""
    return uri.rpartition("/")[2]


def check(described: Mapping[str, Any], uri: str) -> None:
    """Raises JobError for a cluster whose nodes have not installed what is at `uri`. described: as EMR describes it."""
    tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
    if (there := tags.get(PACKAGES)) != digest(uri):
        what = f"its nodes have {'another version' if there else 'nothing'} of the suite"
        fix = "with --python-bin, which names a Python of theirs, it travels with the run"
        raise JobError(what, where=f"--cluster-id {described['Id']}", fix=fix)
