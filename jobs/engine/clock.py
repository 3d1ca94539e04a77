"""How long a run far away has taken, on a terminal, beside what was planned: where nothing else is known of it."""

from __future__ import annotations

import logging
import sys
import threading
import time
from types import TracebackType

from jobs.emr.telling import between, duration

_EVERY = 1.0
_CLEAR = "\r\x1b[K"


class Clock:
    """Tells each second while the context lasts; on a terminal only, where `log` is neither silent nor says more.
    planned: seconds of the run, low and high."""

    def __init__(self, planned: tuple[float, float], log: logging.Logger) -> None:
        self._planned, self._begun = planned, time.monotonic()
        self._over = threading.Event()
        tells = sys.stderr.isatty() and logging.INFO < log.getEffectiveLevel() <= logging.ERROR
        self._teller = threading.Thread(target=self._tell, daemon=True) if tells else None

    def __enter__(self) -> Clock:
        if self._teller is not None:
            self._teller.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Make room for something that knows more."""
        self._over.set()
        if self._teller is not None:
            self._teller.join()
            self._teller = None
            print(_CLEAR, end="", file=sys.stderr, flush=True)

    def _tell(self) -> None:
        while not self._over.wait(_EVERY):
            took = duration(time.monotonic() - self._begun)
            print(f"{_CLEAR}{took} of {between(self._planned)}", end="\r", file=sys.stderr, flush=True)


def say(line: str) -> None:
    """A line on standard error, in the place of what a clock or a bar has drawn."""
    print(f"{_CLEAR if sys.stderr.isatty() else ''}{line}", file=sys.stderr)
