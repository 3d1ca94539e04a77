"""What a schedule's run has to leave, whatever happened; and homes that are put back as they were."""

from __future__ import annotations

import shutil
from typing import Any

from sqlalchemy import select

from jobs.lake.published import read_published
from jobs.schedule import config
from jobs.schedule.ledger.models import AttemptRow, RunRow
from jobs.schedule.ledger.store import Ledger
from jobs.schedule.verify import verified
from tests.schedule.nights import Home


def whole(home: Home) -> dict[tuple[str, str], list[str]]:
    """The bytes of each published result, as SHA-256 of its parts. Fails where the ledger and the lake do not agree,
    something is under way, or something lies about that no reader needs."""
    schedule = config.load(home.file)
    ledger = Ledger(schedule.ledger, names=schedule.names)
    found = ledger.partitions()
    seen = verified(ledger, [], str)
    assert (seen.agreed, seen.unwritten, seen.wrong) == (len(found), [], [])
    with ledger.reading() as session:
        attempts = list(session.scalars(select(AttemptRow)))
        assert "running" not in {*(row.status for row in attempts), *session.scalars(select(RunRow.status))}
    ledger.close()
    for key, row in found.items():
        of_it = [one for one in attempts if (one.task, one.partition) == key and one.status == "published"]
        assert len({one.fingerprint for one in of_it}) == len(of_it), f"{key} was made twice of the same input"
        assert row.output == schedule.tasks[key[0]].output_of(key[1])
    assert not _strange(home, {row.output for row in found.values()})
    return {key: [part.sha256 for part in read_published(row.output).parts] for key, row in found.items()}


def _strange(home: Home, outputs: set[str]) -> list[str]:
    """What lies in a folder of results that is no result."""
    if home.lake is not None:
        return []
    folders = (home.folder / home.out).glob("*/*")
    return [str(path) for path in folders if str(path) not in outputs]


class Kept:
    """A home as it is now: its folder, and the bucket `lake`."""

    def __init__(self, home: Home) -> None:
        self._home, self._copy = home, home.folder.with_name(f"{home.folder.name}.kept")
        shutil.copytree(home.folder, self._copy, symlinks=True)
        self._objects = {key: _body(client, key) for client, key in _keys(home)}

    def restore(self) -> None:
        shutil.rmtree(self._home.folder)
        shutil.copytree(self._copy, self._home.folder, symlinks=True)
        for client, key in _keys(self._home):
            client.delete_object(Bucket="lake", Key=key)
        if self._home.lake is not None:
            for key, body in self._objects.items():
                self._home.lake.client().put_object(Bucket="lake", Key=key, Body=body)


def _keys(home: Home) -> list[tuple[Any, str]]:
    if home.lake is None:
        return []
    client = home.lake.client()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="lake")
    return [(client, entry["Key"]) for page in pages for entry in page.get("Contents", ())]


def _body(client: Any, key: str) -> bytes:
    body: bytes = client.get_object(Bucket="lake", Key=key)["Body"].read()
    return body
