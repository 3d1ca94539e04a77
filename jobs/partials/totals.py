"""Adding up rows of words by integer keys, and their totals as doubles, each rounded once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jobs.partials.codes import pack, starts_of_runs
from jobs.partials.exact import FRACTION, WINDOW, normalise
from jobs.partials.merge import REDUCE
from jobs.partials.rounding import ratio_to_double, to_double, to_integers
from jobs.partials.schema import Merge
from jobs.readings.model import Float64Array, Int64Array


def add_up(columns: Sequence[Int64Array], keys: int, merges: Sequence[Merge] | None = None) -> list[Int64Array]:
    """The rows of distinct keys, which are the first columns, in ascending order; the others merge, by a sum unless
    `merges` says otherwise."""
    if not len(columns[0]):
        return list(columns)
    packed = pack(columns[:keys])
    order = np.argsort(packed, kind="stable")
    starts = starts_of_runs(packed[order])
    firsts = order[starts]
    how = [REDUCE[word] for word in merges or ["sum"] * (len(columns) - keys)]
    merged = [reduce(c[order], starts) for reduce, c in zip(how, columns[keys:], strict=True)]
    return [*(c[firsts] for c in columns[:keys]), *merged]


def add_up_runs(columns: Sequence[Int64Array], keys: int, merges: Sequence[Merge] | None = None) -> list[Int64Array]:
    """The same of neighbours with equal keys only, which takes no sorting: where the rows of a key are not all
    together it stays in several rows."""
    if not len(columns[0]):
        return list(columns)
    changes = np.zeros(len(columns[0]) - 1, np.bool_)
    for key in columns[:keys]:
        changes |= key[1:] != key[:-1]
    starts = np.append(0, np.flatnonzero(changes) + 1)
    how = [REDUCE[word] for word in merges or ["sum"] * (len(columns) - keys)]
    return [*(c[starts] for c in columns[:keys]), *(r(c, starts) for r, c in zip(how, columns[keys:], strict=True))]


def numbered(keys: Sequence[Int64Array]) -> tuple[Int64Array, Int64Array]:
    """The number of each row's group in the order of the keys, and one row of each group."""
    if not len(keys[0]):
        return keys[0], keys[0]
    packed = pack(keys)
    order = np.argsort(packed, kind="stable")
    starts = starts_of_runs(packed[order])
    numbers = np.empty(len(packed), np.int64)
    numbers[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(packed)))
    return numbers, order[starts]


def totals(words: Sequence[Int64Array], windows: Int64Array, groups: Int64Array, factors: int = 1) -> Float64Array:
    """The sum of the words of each group, rounded once; infinite where it is too large for a double.

    words: columns. windows: of each row. groups: of each row, counted from 0 without a gap. factors: of the words,
    as in `rounding.to_double`.
    """
    group, window, *summed = add_up([groups, windows, *words], 2)
    starts = starts_of_runs(group)
    rows = normalise(np.stack(summed).T)
    total, unsure = to_double(rows[starts], window[starts].astype(np.int16), factors)
    sizes = np.diff(starts, append=len(group))
    for i in np.flatnonzero(unsure | (sizes > 1)).tolist():
        run = slice(starts[i], starts[i] + sizes[i])
        low = int(window[run].min())
        parts = zip(window[run].tolist(), to_integers(rows[run]), strict=True)
        exact = sum(part << WINDOW * (w - low) for w, part in parts)
        total[i] = ratio_to_double(exact, WINDOW * low - factors * FRACTION)
    return total
