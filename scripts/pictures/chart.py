"""Charts of a job's real result: lines, bands and bars over labelled axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.pictures.svg import Picture

BLUE, ORANGE, GREY = "#0969da", "#bc4c00", "#8c959f"
_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 48, 24, 44


@dataclass(slots=True)
class Chart(Picture):
    """A picture with axes: x and y are the ranges of values that its area shows."""

    x: tuple[float, float] = (0.0, 1.0)
    y: tuple[float, float] = (0.0, 1.0)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the data lies in the picture."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        width, height = self.width - _LEFT - _RIGHT, self.height - _TOP - _BOTTOM
        return round(_LEFT + across * width, 1), round(_TOP + (1 - up) * height, 1)

    def axes(self, xs: Sequence[tuple[float, str]], ys: Sequence[tuple[float, str]], label: str) -> None:
        """Ticks with their texts, and what the y axis shows."""
        self.text(_LEFT, _TOP - 18, label, "small", "start")
        for value, text in ys:
            (left, at), (right, _) = self.place(self.x[0], value), self.place(self.x[1], value)
            self._draw(f"M{left} {at}H{right}", GREY, 0.5)
            self.text(_LEFT - 8, round(at) + 4, text, "small", "end")
        for value, text in xs:
            across, at = self.place(value, self.y[0])
            self._draw(f"M{across} {at}v5", GREY, 1)
            self.text(round(across), round(at) + 20, text)

    def line(self, points: Sequence[tuple[float, float]], colour: str = BLUE, width: float = 1.8) -> None:
        self._draw("M" + "L".join("{} {}".format(*self.place(*point)) for point in points), colour, width)

    def dots(self, points: Sequence[tuple[float, float]], colour: str = ORANGE) -> None:
        for x, y in (self.place(*point) for point in points):
            self._parts.append(f'<circle cx="{x}" cy="{y}" r="4.5" style="fill:{colour}"/>')

    def band(self, lows: Sequence[tuple[float, float]], highs: Sequence[tuple[float, float]]) -> None:
        """The area between two lines."""
        points = [self.place(*point) for point in [*lows, *reversed(highs)]]
        path = "M" + "L".join(f"{x} {y}" for x, y in points) + "Z"
        self._parts.append(f'<path d="{path}" style="fill:{BLUE};fill-opacity:0.18;stroke:none"/>')

    def column(self, left: float, right: float, height: float, colour: str = BLUE) -> None:
        """A bar from the bottom of the area up to `height`."""
        (x, top), (end, bottom) = self.place(left, height), self.place(right, self.y[0])
        size = f'width="{round(max(end - x, 0.5), 1)}" height="{round(bottom - top, 1)}"'
        self._parts.append(f'<rect x="{x}" y="{top}" {size} style="fill:{colour};fill-opacity:0.75"/>')

    def _draw(self, path: str, colour: str, width: float) -> None:
        self._parts.append(f'<path d="{path}" style="fill:none;stroke:{colour};stroke-width:{width}"/>')
