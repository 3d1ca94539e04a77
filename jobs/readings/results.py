"""Results of this suite that are met where logs are read: told by their columns."""

from __future__ import annotations

from collections.abc import Collection

from jobs.errors import InputError

_ROLLUP = {"metric", "unit", "window_start", "window_end", "count", "mean", "stddev", "first_timestamp"}


def refusal_of_results(names: Collection[str], uri: str | None = None) -> InputError | None:
    """The error for an object with these columns, where they are those of a rollup; None: they are not."""
    if not set(names) >= _ROLLUP:
        return None
    if "stats_state" in names:
        return InputError(
            "is a rollup with its state, no log",
            where=uri,
            fix="rollup merges such Parquet as it was published, apart from logs",
        )
    return InputError(
        "is a rollup without its state, no log",
        where=uri,
        fix="publish it as Parquet with --state, which rollup merges, or name the logs",
    )
