"""The table of how the steps of the tests ended."""

from __future__ import annotations

import re
from pathlib import Path

from scripts.record import HEADER, record
from scripts.steps import Outcome


def test_a_step_has_one_row_that_says_how_it_ended_last(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("\n".join(["# Title", "", *HEADER, ""]), "utf-8")
    record(page, [Outcome("lint", True, 6.0, "fine"), Outcome("types", False, 90.0, "a | b")])
    first = page.read_text("utf-8").splitlines()
    assert first[:4] == ["# Title", "", *HEADER]
    assert first[4].startswith("| lint | passed | 0.1 | fine | 20")
    assert first[5].startswith("| types | **failed** | 1.5 | a / b | 20")
    assert re.search(r" \| [0-9a-f]{7,}( and changes)? \|$", first[5])
    record(page, [Outcome("types", True, 60.0, "Success"), Outcome("docs", True, 60.0, "3 passed")])
    rows = page.read_text("utf-8").splitlines()[4:]
    assert rows[0] == first[4]
    assert [row.split(" | ")[:2] for row in rows] == [["| lint", "passed"], ["| types", "passed"], ["| docs", "passed"]]
