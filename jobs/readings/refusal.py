"""How the scalar parsing functions say that a text is no reading."""

from __future__ import annotations

from jobs.readings.model import Reason


class RejectError(ValueError):
    """A record, or one field of it, is no reading: `reason` says why, `column` names the one to blame, if any."""

    def __init__(self, reason: Reason, column: str | None = None) -> None:
        super().__init__(reason, column)
        self.reason = reason
        self.column = column
