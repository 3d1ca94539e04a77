"""One table of a TOML file, read key by key: whatever is wrong is told with file, key and what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from jobs.errors import UsageError

_SPAN = re.compile(r"(\d+)(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Section:
    """A table named `name` of the file `where`. Each method takes one key; `close` refuses those nobody asked for."""

    def __init__(self, table: Any, where: str, name: str) -> None:
        self.where, self.name = where, name
        if not isinstance(table, dict):
            raise UsageError("is no table", where=f"{where}: {name}", fix=f"write [{name}], then its keys")
        self._table: dict[str, Any] = table
        self._asked: list[str] = []

    def has(self, key: str) -> bool:
        return key in self._table

    def names(self) -> list[str]:
        """The keys of a table of tables."""
        self._asked += self._table
        return list(self._table)

    def section(self, key: str) -> Section:
        """A table in this one, empty where it is left out."""
        return Section(self._take(key, {}), self.where, f"{self.name}.{key}" if self.name else key)

    def value(self, key: str, default: Any = None) -> Any:
        """As TOML has it."""
        return self._take(key, default)

    def text(self, key: str, default: str | None = None) -> str:
        """A text; `env:NAME` stands for the environment variable NAME, `file:PATH` for the first line of a file. Raises
        where a needed one is left out."""
        text = self.text_or_none(key)
        if text is not None:
            return text
        if default is None:
            raise self.wrong(key, "is missing", f"add {key} = …")
        return default

    def text_or_none(self, key: str) -> str | None:
        value = self._take(key, None)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "is no text", f'write {key} = "…"')
        return self._referred(key, value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, or one text, each as `text` has it."""
        value = self._take(key, [])
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(one, str) and one for one in values):
            raise self.wrong(key, "is no list of texts", f'write {key} = ["…"]')
        return tuple(self._referred(key, one) for one in values)

    def word(self, key: str, words: Iterable[str], default: str) -> str:
        words = list(words)
        text = self.text(key, default)
        if text not in words:
            near = get_close_matches(text, words, 1)
            raise self.wrong(key, f'"{text}" is unknown', f"did you mean {near[0]}?" if near else _one_of(words))
        return text

    def whole(self, key: str, default: int, least: int) -> int:
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.wrong(key, f"{value!r} is no whole number from {least}")
        return value

    def share(self, key: str) -> float | None:
        """A number from 0 to 1, or none."""
        value = self._take(key, None)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise self.wrong(key, f"{value!r} is no share", "write a number from 0 to 1, such as 0.01")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, f"{value!r} is neither true nor false")
        return value

    def span(self, key: str, default: str) -> timedelta:
        """A length of time, as `90s`, `15m`, `2h` or `7d`."""
        value = self._take(key, default)
        found = _SPAN.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise self.wrong(key, f"{value!r} is no length of time", "write it as 90s, 15m, 2h or 7d")
        return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])

    def day(self, key: str) -> date:
        value = self._take(key, None)
        if isinstance(value, datetime) or not isinstance(value, date):
            what = "is missing" if value is None else f"{value!r} is no date"
            raise self.wrong(key, what, f"write {key} = 2026-03-01")
        return value

    def close(self) -> None:
        """Raises UsageError for a key that nobody asked for."""
        for key in self._table:
            if key not in self._asked:
                near = get_close_matches(key, self._asked, 1)
                raise self.wrong(key, "unknown key", f"did you mean {near[0]}?" if near else _one_of(self._asked))

    def wrong(self, key: str, what: str, fix: str | None = None) -> UsageError:
        return UsageError(what, where=f"{self.where}: {'.'.join(filter(None, (self.name, key)))}", fix=fix)

    def _referred(self, key: str, value: str) -> str:
        """What a text stands for."""
        if value.startswith("env:"):
            name = value.removeprefix("env:")
            if not os.environ.get(name):
                raise self.wrong(key, f"the environment has no {name}", "set it where the schedule runs")
            return os.environ[name]
        if value.startswith("file:") and not value.startswith("file://"):
            path = Path(self.where).parent / value.removeprefix("file:")
            try:
                return path.read_text("utf-8").splitlines()[0].strip()
            except (OSError, UnicodeDecodeError, IndexError) as error:
                reason = getattr(error, "strerror", None) or "there is no line in it"
                raise self.wrong(key, f"{path} cannot be read: {reason}", "give its user the right to") from None
        return value

    def _take(self, key: str, default: Any) -> Any:
        self._asked.append(key)
        return self._table.get(key, default)


def _one_of(words: Iterable[str]) -> str:
    return f"use one of {', '.join(dict.fromkeys(words))}"
