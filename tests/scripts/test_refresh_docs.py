"""Refreshing what the documentation shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.refresh_docs import cut, refresh, replace_marked


@pytest.mark.parametrize(
    ("shown", "new"),
    [
        (["old"], ["a", "b", "c", "d"]),
        (["old", "…"], ["a", "…"]),
        (["…", "old"], ["…", "d"]),
        (["old", "…", "x", "y"], ["a", "…", "c", "d"]),
        (["1", "2", "3", "…", "4"], ["a", "b", "c", "d"]),
    ],
)
def test_output_is_cut_where_the_page_cut_it(shown: list[str], new: list[str]) -> None:
    assert cut(shown, ["a", "b", "c", "d"]) == new


def test_only_what_no_longer_agrees_is_rewritten(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Before.\n\n```console\n$ echo took 3 s\ntook 2 s\n\n$ printf 'a\\nb\\nc\\n' \\\n>   | cat\nA\n…\n```\nEnd.\n",
        "utf-8",
    )
    assert refresh(page, tmp_path / "sandbox") == 1
    assert page.read_text("utf-8") == (
        "Before.\n\n```console\n$ echo took 3 s\ntook 2 s\n\n$ printf 'a\\nb\\nc\\n' \\\n>   | cat\na\n…\n```\nEnd.\n"
    )


def test_a_marked_block_is_replaced() -> None:
    text = "x\n<!-- benchmark:start -->\nold\n<!-- benchmark:end -->\ny\n"
    once = replace_marked(text, "benchmark", "new\n")
    assert once == "x\n<!-- benchmark:start -->\nnew\n<!-- benchmark:end -->\ny\n"
    assert replace_marked(once, "benchmark", "new\n") == once
