"""Reading what was published: by `_SUCCESS`, and from it again where a result was replaced in between."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pyarrow as pa

from jobs.errors import InputError, MissingError
from jobs.lake import storage
from jobs.lake.manifest import SUCCESS, Manifest, Part, is_part_name, loads
from jobs.lake.storage import ObjectInfo

_TRIES = 5
_PAUSE_SECONDS = 0.2


def read_published(target: str) -> Manifest:
    """What is published in a folder, also of HDFS, or an `s3://bucket/prefix/`. Raises MissingError where nothing is,
    InputError where that cannot be told."""
    return _look(target)[1]


def open_published(target: str) -> Iterator[pa.Table]:
    """The rows of a published result, in order, as tables of its manifest's schema.

    All of them are of one result: a folder's files are opened before this returns, objects in S3 are pinned.
    Raises InputError where nothing is published, and for a result that is damaged or was pruned while it was read.
    """
    for attempt in range(_TRIES):
        folder, manifest = _look(target)
        with ExitStack() as stack:
            try:
                files = [_opened(stack, folder, part) for part in manifest.parts]
                if None not in files and _look(target)[1].run_id == manifest.run_id:
                    return _rows(files, manifest, target, stack.pop_all())
            except InputError:
                if attempt + 1 == _TRIES:
                    raise
        time.sleep(_PAUSE_SECONDS * attempt)  # replaced since _SUCCESS was read: it says more by now
    raise InputError("is damaged: parts are missing or of another size", where=target, fix="publish it again")


def unpublished(success: ObjectInfo, listed: Iterable[str]) -> list[str]:
    """Those of the listed objects that are parts beside a `_SUCCESS` which does not name them: a replaced result's, or
    a killed run's. None if it is not of this suite."""
    try:
        manifest = loads(storage.read_bytes(success), success.uri)
    except InputError:
        return []
    folder = success.uri.removesuffix(SUCCESS)
    named = {folder + part.name for one in (manifest, *manifest.pending) for part in one.parts}
    own = (uri for uri in listed if uri.startswith(folder) and is_part_name(uri.removeprefix(folder)))
    return [uri for uri in own if uri not in named]


def _opened(stack: ExitStack, folder: str, part: Part) -> pa.NativeFile | None:
    info = storage.find(folder + part.name)
    if info is None:
        return None
    file = stack.enter_context(storage.open_seekable(replace(info, mtime_ns=None)))
    return file if file.size() == part.size else None


def _rows(files: list[pa.NativeFile], manifest: Manifest, target: str, stack: ExitStack) -> Iterator[pa.Table]:
    with stack:
        for file in files:
            try:
                yield from _READERS[manifest.format](file, manifest.schema)
            except pa.ArrowInvalid as error:
                raise InputError(f"is damaged: {error}", where=target, fix="publish it again") from None


def _look(target: str) -> tuple[str, Manifest]:
    """Where the result lies, and what it is."""
    target = storage.canonical(target)
    folder = target if target.endswith("/") else f"{target}/"
    aside = _set_aside(target)
    # a folder is away for a moment where a file system cannot exchange two: then it is under one of the names
    for place in (folder,) if aside is None else (folder, aside, folder):
        if (text := _read_success(place)) is not None:
            manifest = loads(text, target)
            return place, _in_effect(place, manifest) if aside is None else manifest
    raise MissingError("nothing is published there", where=target, fix="check the name")


def _read_success(folder: str) -> bytes | None:
    for attempt in range(_TRIES):
        info = storage.find(folder + SUCCESS)
        if info is None:
            return None
        try:
            return storage.read_bytes(info)
        except InputError:  # replaced between the two
            if attempt + 1 == _TRIES:
                raise
        time.sleep(_PAUSE_SECONDS * attempt)
    raise AssertionError


def _set_aside(target: str) -> str | None:
    """Where a folder's earlier result lies while it is set aside; None in S3, which has no folders."""
    scheme = storage.scheme(target)
    if scheme == "s3":
        return None
    if scheme == "hdfs":
        from jobs.lake import hdfs_succession

        return f"{hdfs_succession.previous_of(target)}/"
    from pathlib import Path

    from jobs.lake.local import path_of
    from jobs.lake.publish_local import previous_of

    return f"{previous_of(Path(path_of(target)).resolve())}/"


def _in_effect(folder: str, manifest: Manifest) -> Manifest:
    """Of results that were to take one another's place under one name: the one whose run that object names."""
    if not manifest.pending:
        return manifest
    from jobs.lake.s3_client import client, refusal, split_uri

    bucket, key = split_uri(folder + manifest.parts[0].name)
    try:
        run_id = client().head_object(Bucket=bucket, Key=key)["Metadata"].get("run-id")
    except Exception as error:
        raise refusal(error, folder) from None
    return next((one for one in manifest.pending if one.run_id == run_id), manifest)


def _parquet(file: Any, schema: pa.Schema) -> Iterator[pa.Table]:
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(file).iter_batches(65_536):
        yield pa.Table.from_batches([batch]).cast(schema)


def _csv(file: Any, schema: pa.Schema) -> Iterator[pa.Table]:
    from pyarrow import csv

    convert = csv.ConvertOptions(
        column_types=schema, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
    )
    parse = csv.ParseOptions(newlines_in_values=True)
    for batch in csv.open_csv(file, parse_options=parse, convert_options=convert):
        yield pa.Table.from_batches([batch])


def _jsonl(file: Any, schema: pa.Schema) -> Iterator[pa.Table]:
    from pyarrow import json

    if file.size():
        spelled = pa.schema([f.with_type(pa.string()) if pa.types.is_temporal(f.type) else f for f in schema])
        parse = json.ParseOptions(explicit_schema=spelled, newlines_in_values=False)
        yield json.read_json(file, parse_options=parse).select(schema.names).cast(schema)


_READERS = {"parquet": _parquet, "csv": _csv, "jsonl": _jsonl}
