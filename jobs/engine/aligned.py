"""Rows for a terminal, in columns that stand below each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = (), *, ruled: bool = False) -> Iterator[str]:
    """A line for each row, two blanks between columns. right: numbers of columns that end at the same place. ruled:
    whether there is a line below the first row."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = [["-" * width for width in widths]] if ruled else []
    for row in (*rows[:1], *rule, *rows[1:]):
        cells = (
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
