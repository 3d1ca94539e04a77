"""TOML files of a user's, wherever they lie."""

from __future__ import annotations

import tomllib
from typing import Any

from jobs.errors import InputError
from jobs.lake import storage


def load(uri: str, missing: str) -> dict[str, Any]:
    """The tables of a file. missing: what to do where there is none.

    Raises InputError for a file that is missing, or is no TOML.
    """
    info = storage.find(uri)
    if info is None:
        raise InputError("no such file", where=uri, fix=missing)
    try:
        return tomllib.loads(storage.read_bytes(info).decode("utf-8"))
    except UnicodeDecodeError:
        raise InputError("is no UTF-8 text", where=uri) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is no TOML: {error}", where=uri) from None
