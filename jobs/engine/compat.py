"""What mrjob 0.7.4 needs from Python's past: `distutils` (gone in 3.12) and `pipes` (gone in 3.13).

The stand-ins are used on every version: setuptools' own `distutils` costs 0.2 s to import.
"""

from __future__ import annotations

import functools
import re
import shlex
import shutil
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager


@functools.total_ordering
class LooseVersion:
    """A version as numbers and words, compared part by part; numbers sort before words."""

    def __init__(self, text: str) -> None:
        self.vstring = text
        self.version = [int(p) if p.isdigit() else p for p in re.findall(r"\d+|[a-z]+", text)]

    def _key(self) -> list[tuple[bool, int, str]]:
        return [(isinstance(p, str), 0 if isinstance(p, str) else p, str(p)) for p in self.version]

    def __eq__(self, other: object) -> bool:
        return self._key() == _loose(other)._key()

    def __lt__(self, other: object) -> bool:
        return self._key() < _loose(other)._key()

    def __hash__(self) -> int:
        return hash(str(self._key()))

    def __str__(self) -> str:
        return self.vstring


def _loose(other: object) -> LooseVersion:
    return other if isinstance(other, LooseVersion) else LooseVersion(str(other))


def install() -> None:
    """Put the stand-ins where `import` finds them, unless the real modules are loaded already."""
    _provide("pipes", quote=shlex.quote)
    package = _provide("distutils")
    package.__dict__.setdefault("__path__", [])
    _provide("distutils.spawn", find_executable=shutil.which)
    _provide("distutils.version", LooseVersion=LooseVersion)


def _provide(name: str, **contents: object) -> types.ModuleType:
    if name not in sys.modules:
        module = types.ModuleType(name, __doc__)
        module.__dict__.update(contents)
        sys.modules[name] = module
    return sys.modules[name]


class _Hider:
    """An importer that says of one module that it is not installed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == self._name:
            raise ModuleNotFoundError(f"{name} is hidden", name=name)


@contextmanager
def hidden(name: str) -> Iterator[None]:
    """While this lasts, `import name` fails unless it is loaded already."""
    hider = _Hider(name)
    sys.meta_path.insert(0, hider)
    try:
        yield
    finally:
        sys.meta_path.remove(hider)
