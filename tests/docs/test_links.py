"""Links between the pages of the documentation lead somewhere."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from scripts.console import ROOT, pages
from scripts.refresh_docs import jobs_table

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|\b(?:src|href|srcset)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    anchors = set()
    for heading in _HEADING.findall(re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        kept = "".join(c for c in text if c in " -_" or unicodedata.category(c)[0] in "LN")
        anchors.add(kept.replace(" ", "-"))
    return anchors


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages()])
def test_links_resolve(page: Path) -> None:
    for first, second in _LINK.findall(_CODE.sub("", page.read_text("utf-8"))):
        link = first or second
        if re.match(r"[a-z]+:", link):
            assert link.startswith("https://"), f"{page.name}: {link}"
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link} does not exist"
        assert target.is_relative_to(ROOT), f"{page.name}: {link} leaves the project"
        if anchor:
            assert anchor in _anchors(target), f"{page.name}: {link} names no heading"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        for first, _ in _LINK.findall(_CODE.sub("", page.read_text("utf-8"))):
            target = (page.parent / first.partition("#")[0]).resolve()
            if target.exists():
                waiting.append(target)
    assert not set(pages()) - seen


def test_the_readme_lists_the_jobs() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert jobs_table() in text, "python -m scripts.refresh_docs README.md"
