"""How places stand in the ledger and in fingerprints: as the schedule spells them, in full or relative to its folder;
so the folder may be moved with all that is in it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from jobs.lake import storage


@dataclass(frozen=True, slots=True)
class Names:
    """folder: the schedule's. relative: what those places begin with that are spelled relative to it. origin: where the
    folder was when names in a ledger of the first version were absolute, as they stay there; empty in any other."""

    folder: str = ""
    relative: tuple[str, ...] = ()
    origin: str = ""

    def of(self, place: str) -> str:
        """The name of a path or URI."""
        if not place.startswith(self.relative):
            return place
        return os.path.normpath(os.path.join(self.origin, os.path.relpath(place, self.folder)))  # noqa: PTH118 - as text

    def place(self, name: str) -> str:
        """Where what has that name is now."""
        if storage.scheme(name) or (name.startswith("/") and not self.origin):
            return name
        inside = os.path.relpath(name, self.origin) if self.origin else name
        place = os.path.normpath(os.path.join(self.folder, inside))  # noqa: PTH118 - as text
        return place if place.startswith(self.relative) or not name.startswith("/") else name
