"""Publishing a result: staged, checked, then visible all at once with `_SUCCESS`; docs/publishing.md says how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from jobs.errors import BusyError, InputError, UsageError
from jobs.lake import storage
from jobs.lake.manifest import Manifest, described
from jobs.lake.parts import Layout
from jobs.lake.writers import OutputFormat

GRACE_SECONDS = 3600.0
"""How long objects of a replaced result stay in S3 for those who are still reading them."""


class Target(Protocol):
    """A place to publish to."""

    def check(self, overwrite: bool) -> None:
        """Remember what is published there. Raises JobError if this run could not publish there."""

    def publish(
        self,
        manifest: Manifest,
        tables: Iterable[pa.Table],
        keys: Sequence[str],
        scratch: Path,
        layout: Layout | None = None,
    ) -> Manifest:
        """Write, then make visible. Raises BusyError if something else was published there since `check`."""

    def prune(self, older_than: float) -> list[str]:
        """Remove what no reader needs any more; the names of what was removed."""


class Publication:
    """The result of one run on its way to `target`, a folder, an `s3://bucket/prefix/` or `hdfs://host/path`.

    fence: the token of a lease; a result that was published under a higher one is not replaced.
    """

    def __init__(
        self, target: str, output: OutputFormat, *, overwrite: bool, run_id: str, fence: int | None = None
    ) -> None:
        self._target = open_target(target)
        self._named, self._fence = target, fence
        self._output = output
        self._overwrite = overwrite
        self._run_id = run_id

    def check(self) -> None:
        """Before any work: refuse a target that is not empty without overwrite, or cannot be written. A result of this
        very run is no obstacle, as where it was killed right after: published again, it is the same.

        Raises UsageError for the former and for a target that holds what no run published, JobError for the latter,
        BusyError for what is fenced.
        """
        try:
            self._target.check(self._overwrite)
        except UsageError:
            if self._overwrite or not self._is_published():
                raise
            self._target.check(True)
        if self._fence is not None:
            self._check_fence(self._fence)

    def _is_published(self) -> bool:
        """Whether the result there is of this run."""
        from jobs.lake.published import read_published

        try:
            return read_published(self._named).run_id == self._run_id
        except InputError:
            return False

    def _check_fence(self, fence: int) -> None:
        """What is published after this look, publishing itself notices."""
        from jobs.lake.published import read_published

        try:
            earlier = read_published(self._named).provenance.get("fence")
        except InputError:
            return
        if earlier is not None and earlier > fence:
            raise BusyError(
                f"was published under a later lease ({earlier}, ours is {fence})",
                where=self._named,
                fix="nothing is to be done: another run does the work",
            )

    def publish(
        self,
        schema: pa.Schema,
        tables: Iterable[pa.Table],
        provenance: Mapping[str, Any],
        *,
        scratch: Path,
        keys: Sequence[str] = (),
        layout: Layout | None = None,
    ) -> Manifest:
        """Publish the rows of `tables` in their order; `keys` are the columns by which they are sorted, `layout` has
        them in folders by day.

        `provenance` stands in `_SUCCESS` as it is given; parts on their way to S3 or HDFS lie in `scratch` meanwhile.
        Raises BusyError if another run published there since `check`, JobError for what cannot be written; then the
        earlier result stays.
        """
        if layout is not None:
            schema = schema.remove(schema.get_field_index(layout.column))
        manifest = described(self._run_id, self._output, schema, provenance)
        return self._target.publish(manifest, tables, keys, scratch, layout)


def prune(target: str, older_than: float = GRACE_SECONDS) -> list[str]:
    """Remove what replaced results left for slow readers more than `older_than` seconds ago; names of what was."""
    return open_target(target).prune(older_than)


def open_target(target: str) -> Target:
    """Raises UsageError for a scheme that cannot be published to."""
    scheme = storage.scheme(target)
    if scheme == "s3":
        from jobs.lake.publish_s3 import S3Target

        return S3Target(target)
    if scheme == "hdfs":
        from jobs.lake.publish_hdfs import HdfsTarget

        return HdfsTarget(target)
    if scheme == "-":
        raise UsageError("standard output is no place to publish to", where=target, fix="name a folder")
    from jobs.lake.publish_local import LocalTarget

    return LocalTarget(target)


def not_empty(target: str) -> UsageError:
    return UsageError("is not empty", where=target, fix="add --overwrite to replace what is published there")


def foreign(target: str, name: str) -> UsageError:
    return UsageError(
        f"holds what no run of this suite published ({name})",
        where=target,
        fix="remove it yourself, or name another place",
    )


def lost_race(target: str) -> BusyError:
    return BusyError(
        "another run published there meanwhile, so nothing was published", where=target, fix="run again if need be"
    )
