"""The `with` of readers."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closing:
    """A reader closed at the end. Closing it tells of an object that changed: that explains other errors, but must not
    hide an interruption."""

    def close(self) -> None:
        raise NotImplementedError

    def drop(self) -> None:
        """Close it without a check."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        if error is None or isinstance(error, Exception):
            self.close()
        else:
            self.drop()
