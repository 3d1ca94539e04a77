"""The pictures in docs/ are those that their programs draw."""

from __future__ import annotations

from xml.etree import ElementTree

from scripts.pictures import flow


def test_the_flow_is_as_drawn() -> None:
    assert flow.TARGET.read_text("utf-8") == flow.flow(), "draw it again: python -m scripts.pictures.flow"


def test_a_picture_says_in_words_what_it_shows() -> None:
    root = ElementTree.fromstring(flow.flow())
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img"
    assert all(root.findtext(f"{space}{tag}") for tag in ("title", "desc"))
