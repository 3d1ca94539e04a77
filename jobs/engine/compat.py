"""What mrjob 0.7.4 needs from Python's past: `distutils` (gone in 3.12) and `pipes` (gone in 3.13).

The stand-ins are used on every version: setuptools' own `distutils` costs 0.2 s to import. Others stand in for what
mrjob and Arrow import and a run on this machine never uses: an HTTP client, YAML, a parser of docstrings.
"""

from __future__ import annotations

import functools
import importlib
import re
import shlex
import shutil
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any


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
    if "mrjob.conf" not in sys.modules:
        web = {name: _later("urllib.request", name) for name in ("pathname2url", "urlopen")}
        with _in_place_of("urllib.request", **web), _in_place_of("yaml", __getattr__=_from_yaml):
            import mrjob.conf  # noqa: F401 - it and what it imports keep the stand-ins


def import_arrow() -> None:
    """Import Arrow's functions; without the docstrings of their options, where the process is a command of ours.

    Reading those takes longer than many a job, and only `help` shows them.
    """
    main = getattr(sys.modules["__main__"], "__spec__", None)
    ours = main is not None and main.name.startswith("jobs.")
    stand_in: dict[str, object] = {"NumpyDocString": lambda text: {"Parameters": []}}
    with _in_place_of("pyarrow.vendored.docscrape", **stand_in) if ours else nullcontext():
        import pyarrow.compute  # noqa: F401 - what imports it later finds it


def _provide(name: str, **contents: object) -> types.ModuleType:
    if name not in sys.modules:
        module = types.ModuleType(name, __doc__)
        module.__dict__.update(contents)
        sys.modules[name] = module
    return sys.modules[name]


@contextmanager
def _in_place_of(name: str, **contents: object) -> Iterator[None]:
    """While this lasts, `import name` gives a module of these contents, unless the real one is loaded already."""
    if name in sys.modules:
        yield
        return
    _provide(name, **contents)
    try:
        yield
    finally:
        del sys.modules[name]


def _later(module: str, name: str) -> Callable[..., Any]:
    """The function `name` of a module that is imported when it is called."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*args, **kwargs)

    return call


def _from_yaml(name: str) -> Any:
    return getattr(importlib.import_module("yaml"), name)


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
