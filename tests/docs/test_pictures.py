"""The pictures in docs/ are those that their programs draw."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from xml.etree import ElementTree

import pytest

from scripts import pictures
from scripts.pictures import flow

SPACE = "{http://www.w3.org/2000/svg}"


def _charts() -> list[ModuleType]:
    """The modules that draw a result."""
    found = (importlib.import_module(f"scripts.pictures.{m.name}") for m in pkgutil.iter_modules(pictures.__path__))
    return [module for module in found if hasattr(module, "draw")]


def _speaks(text: str) -> bool:
    root = ElementTree.fromstring(text)
    return root.get("role") == "img" and all(root.findtext(f"{SPACE}{tag}") for tag in ("title", "desc"))


def test_the_flow_is_as_drawn() -> None:
    assert flow.TARGET.read_text("utf-8") == flow.flow(), "draw it again: python -m scripts.pictures.flow"
    assert _speaks(flow.flow()), "a picture says in words what it shows"


@pytest.mark.parametrize("chart", _charts(), ids=lambda module: str(module.__name__))
def test_a_chart_is_as_drawn(chart: ModuleType) -> None:
    drawn = chart.draw()
    assert chart.TARGET.read_text("utf-8") == drawn, f"draw it again: python -m {chart.__name__}"
    assert _speaks(drawn), "a picture says in words what it shows"
