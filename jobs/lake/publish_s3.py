"""Publishing to S3, where nothing renames a prefix: parts under new names first, then `_SUCCESS` naming them.

The put of `_SUCCESS` carries If-Match on the one this run saw at its start, so that of two runs one publishes. The
only part of a result keeps one name and is replaced by one put, so that a plain listing shows one result, old or new;
`_SUCCESS` announces it first (`pending`) and readers tell by the run that the object names which of both it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.errors import InputError, JobError
from jobs.lake.durable import step
from jobs.lake.manifest import SUCCESS, Manifest, Part, Superseded, age, is_part_name, loads, now
from jobs.lake.parts import Layout, PartFile, on_the_way, write_parts
from jobs.lake.publish import GRACE_SECONDS, foreign, lost_race, not_empty
from jobs.lake.s3_client import client, code_of, http_status, refusal, split_uri

_CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


@dataclass(frozen=True, slots=True)
class _Listed:
    """An object below the target."""

    name: str
    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class _Seen:
    """What `_SUCCESS` said, and its etag; None where there is none."""

    manifest: Manifest | None = None
    etag: str | None = None


class S3Target:
    """A prefix of a bucket."""

    def __init__(self, target: str) -> None:
        self._named = target
        self._bucket, key = split_uri(target)
        self._prefix = f"{key.rstrip('/')}/" if key.rstrip("/") else ""
        self._seen = _Seen()
        self._etags: dict[str, str] = {}

    def check(self, overwrite: bool) -> None:
        self._seen = self._look()
        self._etags = {}
        stranger = None
        for found in self._listed():
            if is_part_name(found.name):
                self._etags[found.name] = found.etag
            elif found.name != SUCCESS:
                stranger = found.name
                break
        if self._seen.manifest is None and self._seen.etag is not None:
            stranger = stranger or SUCCESS
        if not overwrite and (stranger or self._seen.etag is not None):
            raise not_empty(self._named)
        if stranger:
            raise foreign(self._named, stranger)

    def publish(
        self,
        manifest: Manifest,
        tables: Iterable[pa.Table],
        keys: Sequence[str],
        scratch: Path,
        layout: Layout | None = None,
    ) -> Manifest:
        with on_the_way(scratch, manifest.run_id) as folder:
            written = write_parts(folder, tables, manifest.schema, manifest.format, keys, layout)
            first, second = next(written), next(written, None)
            manifest = replace(manifest, published=now())
            if second is None and first.keeps_name:
                manifest = self._publish_one(manifest, first)
            else:
                manifest = self._publish_many(manifest, chain([first], [] if second is None else [second], written))
        with suppress(JobError):  # it is published; the next run or `prune` sweeps again
            self._sweep(manifest, GRACE_SECONDS)
        return manifest

    def prune(self, older_than: float) -> list[str]:
        seen = self._look()
        return [] if seen.manifest is None else self._sweep(seen.manifest, older_than)

    def _publish_many(self, manifest: Manifest, files: Iterable[PartFile]) -> Manifest:
        parts: list[Part] = []
        for file in files:
            parts.append(file.named(manifest.format, manifest.run_id))
            self._put_part(manifest, parts[-1], file, None)
        return self._succeed(replace(manifest, parts=tuple(parts)))

    def _publish_one(self, manifest: Manifest, file: PartFile) -> Manifest:
        part = file.named(manifest.format, None)
        manifest = replace(manifest, parts=(part,))
        before = self._seen.manifest
        if before is None or part.name not in {old.name for old in before.parts}:
            self._put_part(manifest, part, file, self._etags.get(part.name))
            return self._succeed(manifest)
        announced = before.with_pending(*before.pending, manifest)
        with step("publish.put_pending"):
            etag = self._put(SUCCESS, announced.dumps(), "application/json", self._seen.etag)
        self._put_part(manifest, part, file, self._etags.get(part.name))
        # from here on the object is our result; who has put another _SUCCESS since has seen that
        manifest = self._succeeding(manifest)
        with step("publish.put_success"):
            self._put(SUCCESS, manifest.dumps(), "application/json", etag, late=True)
        return manifest

    def _succeed(self, manifest: Manifest) -> Manifest:
        manifest = self._succeeding(manifest)
        with step("publish.put_success"):
            self._put(SUCCESS, manifest.dumps(), "application/json", self._seen.etag)
        return manifest

    def _succeeding(self, manifest: Manifest) -> Manifest:
        """With the names of what it replaces, for as long as slow readers may need them."""
        before = self._seen.manifest
        if before is None:
            return manifest
        own = {part.name for part in manifest.parts}
        since = [Superseded(part.name, manifest.published) for part in before.parts]
        old = [one for one in (*before.superseded, *since) if one.name not in own and age(one.since) < GRACE_SECONDS]
        return replace(manifest, superseded=tuple(old))

    def _put_part(self, manifest: Manifest, part: Part, file: PartFile, etag: str | None) -> None:
        with step("publish.put_part"), file.path.open("rb") as body:
            marks = {"run-id": manifest.run_id, "sha256": part.sha256}
            self._put(part.name, body, _CONTENT_TYPES[manifest.format], etag, Metadata=marks)
        file.path.unlink()

    def _put(
        self, name: str, body: Any, kind: str, etag: str | None, *, late: bool = False, **others: Any
    ) -> str | None:
        """Put an object in the place of the one with that etag (None: of none); its etag.

        Raises BusyError if there is another meanwhile; with `late`, leaves that one and gives None.
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": f'"{etag}"'}
        wanted = {"Bucket": self._bucket, "Key": self._prefix + name, "ContentType": kind, **condition, **others}
        try:
            return _etag(client().put_object(Body=body, **wanted))
        except Exception as error:
            if http_status(error) not in (404, 409, 412) or code_of(error) == "NoSuchBucket":
                raise refusal(error, self._named, JobError) from None
            # a put whose answer was lost is sent again by boto3, and then meets itself
            if (own := self._same(name, body)) is not None:
                return own
            if not late:
                raise lost_race(self._named) from None
            return None

    def _same(self, name: str, body: Any) -> str | None:
        """The etag of the object if it holds just these bytes."""
        if not isinstance(body, bytes):
            body.seek(0)
            body = body.read()
        try:
            found = client().get_object(Bucket=self._bucket, Key=self._prefix + name)
            return _etag(found) if found["Body"].read() == body else None
        except Exception as error:
            if http_status(error) == 404:
                return None
            raise refusal(error, self._named, JobError) from None

    def _look(self) -> _Seen:
        """`_SUCCESS` as it is now."""
        try:
            found = client().get_object(Bucket=self._bucket, Key=self._prefix + SUCCESS)
            text, etag = found["Body"].read(), _etag(found)
        except Exception as error:
            if code_of(error) == "NoSuchKey":
                return _Seen()
            raise refusal(error, self._named, JobError) from None
        try:
            return _Seen(loads(text, self._named), etag)
        except InputError:
            return _Seen(None, etag)

    def _listed(self) -> Iterator[_Listed]:
        pages = client().get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        try:
            for page in pages:
                for entry in page.get("Contents", ()):
                    if name := entry["Key"].removeprefix(self._prefix):
                        yield _Listed(name, _etag(entry), entry["LastModified"])
        except Exception as error:
            raise refusal(error, self._named, JobError) from None

    def _sweep(self, manifest: Manifest, grace: float) -> list[str]:
        """Delete parts that no `_SUCCESS` names any more.

        Those of replaced results once their grace is over. Of the others, which runs left that did not come to their
        end, those older than `_SUCCESS`: what such a run saw at its start is gone, so it can publish no more.
        """
        listed = {found.name: found for found in self._listed()}
        if SUCCESS not in listed:
            return []
        named = {part.name for one in (manifest, *manifest.pending) for part in one.parts}
        waiting = {old.name: age(old.since) < grace for old in manifest.superseded}
        removed = []
        for found in listed.values():
            if not is_part_name(found.name) or found.name in named:
                continue
            if waiting.get(found.name, found.modified >= listed[SUCCESS].modified):
                continue
            self._delete(found)
            removed.append(found.name)
        return removed

    def _delete(self, found: _Listed) -> None:
        with step("publish.delete"):
            try:
                key = self._prefix + found.name
                client().delete_object(Bucket=self._bucket, Key=key, IfMatch=f'"{found.etag}"')
            except Exception as error:
                if http_status(error) not in (404, 409, 412):
                    raise refusal(error, self._named, JobError) from None


def _etag(answer: dict[str, Any]) -> str:
    return str(answer["ETag"]).strip('"')
