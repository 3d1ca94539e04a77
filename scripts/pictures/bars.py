"""A result as horizontal bars: one a row, with its label before and its number behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.pictures.svg import Picture

ROW = 26
LABELS, NUMBERS, WIDTH = 190, 130, 760
COLOURS = ("#388bfd", "#bf8700", "#8b949e")


@dataclass(frozen=True, slots=True)
class Bar:
    """`parts` are lengths that stand one after the other, each in its own colour; `text` stands behind them."""

    label: str
    parts: tuple[float, ...]
    text: str


def bars(title: str, description: str, rows: Sequence[Bar], legend: Sequence[str] = ()) -> str:
    """A picture of the bars in order; the longest takes the width. A legend names the colours of the parts."""
    top = 56 if legend else 40
    picture = Picture(WIDTH, top + ROW * len(rows) + 10, title, description)
    picture.text(12, 24, title, "title", "start")
    for number, name in enumerate(legend):
        picture.bar(LABELS + 130 * number, 36, 12, 12, COLOURS[number])
        picture.text(LABELS + 130 * number + 18, 46, name, "small", "start")
    scale = (WIDTH - LABELS - NUMBERS) / max((sum(row.parts) for row in rows), default=1.0)
    for number, row in enumerate(rows):
        y, x = top + ROW * number, LABELS
        picture.text(LABELS - 10, y + 16, row.label, "small", "end")
        for kind, part in enumerate(row.parts):
            picture.bar(x, y + 3, round(part * scale), ROW - 8, COLOURS[kind])
            x += round(part * scale)
        picture.text(x + 8, y + 16, row.text, "small", "start")
    return picture.render()
