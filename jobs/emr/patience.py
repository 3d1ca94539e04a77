"""Asking again where AWS is busy or away for some minutes, so that no run ends for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from jobs.emr import aws

MOST = 600.0
"""Seconds of failing calls without a good one between them, each of which boto3 has tried again itself."""


class Patience:
    """Repeats calls that ask how something goes. tell: gets the reason, once each time that AWS is away; every: seconds
    between calls; most: seconds until it ends."""

    def __init__(self, tell: Callable[[str], None], every: float, most: float = MOST) -> None:
        self._tell, self._every, self._most = tell, every, most
        self._since: float | None = None

    def ask(self, call: Callable[..., Any], *args: Any, **given: Any) -> Any:
        """What the call gives. Raises what it raises where that does not pass, or has lasted too long."""
        while True:
            try:
                answer = call(*args, **given)
            except Exception as error:
                if not (aws.may_pass(error) and self._lasts(error)):
                    raise
                time.sleep(self._every)
            else:
                self._since = None
                return answer

    def end(self) -> None:
        """Have whatever fails from now on raise at once."""
        self._most = 0.0

    def _lasts(self, error: Exception) -> bool:
        now = time.monotonic()
        if self._since is None and self._most:
            told = aws.explained(error, "AWS")
            self._tell(f"{told.what if told else error}; it is asked again for {self._most / 60:.0f} min")
            self._since = now
        return self._since is not None and now - self._since < self._most
