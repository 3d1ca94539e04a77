"""Dialect files: TOML that mirrors the dataclasses of `dialect`, key by key; they are the schema."""

from __future__ import annotations

import json
import tomllib
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from jobs.errors import InputError, UsageError
from jobs.readings import zones
from jobs.readings.dialect import Dialect
from jobs.readings.dialect_rules import check

_NO_TIME: dict[str, list[str]] = {"columns": [], "formats": []}


def load(name_or_path: str) -> Dialect:
    """A shipped dialect by name, or a user's own by the path of its file.

    Raises UsageError naming file, key and reason; InputError for a file that cannot be read.
    """
    if is_file(name_or_path):
        try:
            text = Path(name_or_path).read_text("utf-8")
        except OSError as error:
            raise InputError(f"cannot read the dialect file: {error.strerror}", where=name_or_path) from None
        except UnicodeDecodeError:
            raise UsageError("is no UTF-8 text", where=name_or_path) from None
        return parse(text, name_or_path)
    if name_or_path not in _shipped_files():
        known = ", ".join(_shipped_files())
        fix = f"use one of {known}, or the path of a dialect file"
        raise UsageError(f'unknown dialect "{name_or_path}"', fix=_nearest(name_or_path, _shipped_files()) or fix)
    return _load_shipped(name_or_path)


def is_file(name_or_path: str) -> bool:
    """Whether it is the name of a dialect's file, not that of a shipped dialect: it ends in .toml or holds a `/`."""
    return name_or_path.endswith(".toml") or "/" in name_or_path


def shipped() -> dict[str, str]:
    """The shipped dialects by name, `default` first, each with its description."""
    return {name: _load_shipped(name).description for name in _shipped_files()}


def parse(text: str, where: str) -> Dialect:
    """The dialect that a TOML text declares; its name is the file's stem unless it gives one.

    `where` is the file's path, for errors. Raises UsageError naming file, key and reason.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"is no TOML: {error}", where=where) from None
    return _dialect({"name": Path(where).stem, **table}, where)


def dumps(dialect: Dialect) -> str:
    """A dialect with the time zone table it needs, as JSON, to be shipped with a plan; `loads` reads it back."""
    table = _plain(dialect)
    zone = zones.load(dialect.timestamp.time_zone).as_json()
    return json.dumps({"dialect": table, "zone": zone}, ensure_ascii=False, sort_keys=True)


def loads(text: str) -> Dialect:
    """The dialect of a `dumps` text. Its time zone table is installed, so that no database is asked."""
    shipment = json.loads(text)
    zones.provide(zones.Zone.from_json(shipment["zone"]))
    table = shipment["dialect"]
    return _dialect(table, f"dialect {table['name']}")


@lru_cache
def _shipped_files() -> dict[str, str]:
    folder = resources.files("jobs.readings") / "dialects"
    found = {f.name.removesuffix(".toml"): f.read_text("utf-8") for f in folder.iterdir() if f.name.endswith(".toml")}
    return {name: found[name] for name in sorted(found, key=lambda name: (name != "default", name))}


@lru_cache
def _load_shipped(name: str) -> Dialect:
    return parse(_shipped_files()[name], f"{name}.toml")


def _dialect(table: dict[str, Any], where: str) -> Dialect:
    if table.get("timestamp") == "none":
        table = {**table, "timestamp": _NO_TIME}
    if "wide" in table:
        if "long" in table:
            raise UsageError("a dialect is long or wide, not both", where=f"{where}: wide")
        table = {**table, "long": None}
    dialect = cast("Dialect", _build(Dialect, table, where, ""))
    check(dialect, table, where)
    return dialect


def _build(hint: Any, value: Any, where: str, key: str) -> Any:
    """`value` as the type `hint`, which is one of those that the dialect's dataclasses use."""
    if is_dataclass(hint):
        return _build_table(cast("type", hint), value, where, key)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType:
        if value is None:
            return None
        return _build(next(a for a in arguments if a is not NoneType), value, where, key)
    if origin is Literal:
        if value not in arguments:
            choices = ", ".join(map(json.dumps, arguments))
            raise _wrong(where, key, f"must be one of {choices}, not {_shown(value)}")
        return value
    if origin is tuple and get_origin(arguments[0]) is tuple:  # pairs are a table in the file
        if not isinstance(value, dict):
            raise _wrong(where, key, f"must be a table, not {_shown(value)}")
        of = get_args(arguments[0])[1]
        return tuple((name, _build(of, item, where, f"{key}.{name}")) for name, item in value.items())
    if origin is tuple:
        if not isinstance(value, list):
            raise _wrong(where, key, f"must be a list, not {_shown(value)}")
        return tuple(_build(arguments[0], item, where, f"{key}[{i}]") for i, item in enumerate(value))
    if type(value) is not hint:
        kind = {str: "a text", int: "a whole number", bool: "true or false"}[hint]
        raise _wrong(where, key, f"must be {kind}, not {_shown(value)}")
    return value


def _build_table(cls: type, value: Any, where: str, key: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(where, key, f"must be a table, not {_shown(value)}")
    hints = get_type_hints(cls)
    prefix = f"{key}." if key else ""
    for name in value:
        if name not in hints:
            raise _wrong(where, prefix + name, "unknown key", fix=_nearest(name, hints) or _choice(hints))
    for field in fields(cls):
        if field.default is MISSING and field.default_factory is MISSING and field.name not in value:
            raise _wrong(where, prefix + field.name, "is needed")
    return cls(**{name: _build(hints[name], item, where, prefix + name) for name, item in value.items()})


def _wrong(where: str, key: str, reason: str, fix: str | None = None) -> UsageError:
    return UsageError(reason, where=f"{where}: {key}" if key else where, fix=fix)


def _nearest(name: str, known: Any) -> str | None:
    near = get_close_matches(name, known, 1)
    return f'did you mean "{near[0]}"?' if near else None


def _choice(known: Any) -> str:
    return "known here are " + ", ".join(known)


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return json.dumps(value, ensure_ascii=False, default=str)


def _plain(value: Any) -> Any:
    """A dialect as the table that a file would hold, defaults left out: what `_build` builds it from."""
    if not is_dataclass(value):
        return [_plain(item) for item in value] if isinstance(value, tuple) else value
    table = {}
    for field in fields(value):
        item = getattr(value, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if item is not None and item != default:
            pairs = isinstance(item, tuple) and all(isinstance(pair, tuple) for pair in item)
            table[field.name] = {k: _plain(v) for k, v in item} if pairs and item else _plain(item)
    return table
