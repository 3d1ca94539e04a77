"""A few words to draw box-and-arrow pictures as SVG that reads well on light and dark pages, and without eyes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

FONT = "ui-sans-serif, system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
STYLE = f"""
    text {{ font: 14px {FONT}; fill: #1f2328; }}
    .small {{ font-size: 12px; fill: #59636e; }}
    .title {{ font-weight: 600; }}
    .code {{ font-family: {MONO}; font-size: 12px; }}
    .box {{ fill: #f6f8fa; stroke: #8c959f; stroke-width: 1.2; }}
    .core {{ fill: #ddf4ff; stroke: #0969da; }}
    .store {{ fill: #fff8c5; stroke: #9a6700; }}
    .frame {{ fill: none; stroke: #8c959f; stroke-dasharray: 5 4; }}
    .arrow {{ fill: none; stroke: #59636e; stroke-width: 1.6; marker-end: url(#head); }}
    #head path {{ fill: #59636e; }}
    @media (prefers-color-scheme: dark) {{
      text {{ fill: #e6edf3; }}
      .small {{ fill: #9198a1; }}
      .box {{ fill: #161b22; stroke: #6e7681; }}
      .core {{ fill: #0c2d6b; stroke: #58a6ff; }}
      .store {{ fill: #3b2300; stroke: #d29922; }}
      .frame {{ stroke: #6e7681; }}
      .arrow {{ stroke: #9198a1; }}
      #head path {{ fill: #9198a1; }}
    }}"""
LINE = 18


@dataclass(slots=True)
class Picture:
    """A picture of `width` × `height` units; `title` and `description` are what a screen reader says."""

    width: int
    height: int
    title: str
    description: str
    _parts: list[str] = field(default_factory=list)

    def box(self, x: int, y: int, width: int, height: int, lines: Sequence[str], kind: str = "") -> None:
        """A box with a title line and smaller lines below it."""
        style = f"box {kind}".strip()
        self._parts.append(f'<rect class="{style}" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>')
        top = y + (height - LINE * len(lines)) // 2 + 13
        for number, line in enumerate(lines):
            self.text(x + width // 2, top + LINE * number, line, "small" if number else "title")

    def frame(self, x: int, y: int, width: int, height: int, label: str, indent: int = 12) -> None:
        """A dashed frame around what belongs together."""
        self._parts.append(f'<rect class="frame" x="{x}" y="{y}" width="{width}" height="{height}" rx="10"/>')
        self.text(x + indent, y + 20, label, "small", "start")

    def bar(self, x: int, y: int, width: int, height: int, colour: str) -> None:
        """A filled bar; the colour must read well on light and dark."""
        self._parts.append(f'<rect fill="{colour}" x="{x}" y="{y}" width="{width}" height="{height}"/>')

    def line(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        """A thin line through points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{path}"/>')

    def text(self, x: int, y: int, text: str, kind: str = "small", anchor: str = "middle") -> None:
        self._parts.append(f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>')

    def arrow(self, *points: tuple[int, int]) -> None:
        path = " L".join(f"{x} {y}" for x, y in points)
        self._parts.append(f'<path class="arrow" d="M{path}"/>')

    def render(self) -> str:
        body = "\n  ".join(self._parts)
        return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" \
width="{self.width}" height="{self.height}" role="img" aria-labelledby="title description">
  <title id="title">{escape(self.title)}</title>
  <desc id="description">{escape(self.description)}</desc>
  <style>{STYLE}
  </style>
  <defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">\
<path d="M0 0 L10 5 L0 10 z"/></marker></defs>
  {body}
</svg>
"""
