"""JSON templates: the keys and separators that a writer repeats in each line, learned from its lines."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from jobs.readings.kernel_spec import JsonPaths

DEPTH = 32
"""How deep objects of a template may be nested; deeper ones are left to the reference path."""

_STRING = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\.)*"|[^\s,\]}"{\[:]+', re.DOTALL)
_BLANKS = re.compile(rb"[ \t\r]*")


@dataclass(frozen=True, slots=True)
class Template:
    """literals[i] stands before value i, whose path is paths[i]; `tail` behind the last."""

    literals: tuple[bytes, ...]
    paths: JsonPaths
    tail: bytes

    def fields(self, columns: JsonPaths) -> tuple[int, ...] | None:
        """The column of each value, -1 for those that are none; None where a column is no single value here."""
        index = {path: i for i, path in enumerate(columns)}
        inner = {path[:size] for path in self.paths for size in range(1, len(path))}
        if inner & index.keys():
            return None
        return tuple(index.get(path, -1) for path in self.paths)


def learn(line: bytes) -> Template | None:
    """The template of a line, given without its line end; None where it is no plain object.

    Plain are objects of numbers, strings, true, false, null and such objects, without a key twice.
    """
    try:
        if not isinstance(json.loads(line), dict):
            return None
        reader = _Reader(line)
        reader.read_object(())
        return Template(tuple(reader.literals), tuple(reader.paths), line[reader.literal :])
    except (ValueError, RecursionError):
        return None


@dataclass
class _Reader:
    """Walks over a line that is known to be JSON. `literal`: where the literal began that we are in."""

    line: bytes
    at: int = 0
    literal: int = 0
    literals: list[bytes] = field(default_factory=list)
    paths: list[tuple[str, ...]] = field(default_factory=list)

    def read_object(self, around: Sequence[str]) -> None:
        if len(around) > DEPTH:
            raise ValueError("nested too deep")
        self._mark(b"{")
        seen: set[str] = set()
        if self._next() == b"}":
            raise ValueError("an empty object")
        while True:
            key = self._key()
            if key in seen:
                raise ValueError("a key twice")
            seen.add(key)
            self._mark(b":")
            if self._next() == b"{":
                self.read_object((*around, key))
            else:
                self._value((*around, key))
            if self._next() == b"}":
                self.at += 1
                return
            self._mark(b",")

    def _value(self, path: tuple[str, ...]) -> None:
        value = _SCALAR.match(self.line, self.at)
        if value is None:
            raise ValueError("an array")
        self.literals.append(self.line[self.literal : self.at])
        self.paths.append(path)
        self.at = self.literal = value.end()

    def _key(self) -> str:
        self._next()
        key = _STRING.match(self.line, self.at)
        if key is None:
            raise ValueError("no key")
        self.at = key.end()
        return str(json.loads(key[0]))

    def _next(self) -> bytes:
        blanks = _BLANKS.match(self.line, self.at)
        assert blanks is not None
        self.at = blanks.end()
        return self.line[self.at : self.at + 1]

    def _mark(self, mark: bytes) -> None:
        if self._next() != mark:
            raise ValueError(f"no {mark!r}")
        self.at += 1
