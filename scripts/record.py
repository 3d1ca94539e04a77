"""Keeps how the steps of the tests ended last in the table of a page."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.environment import ROOT
from scripts.steps import Outcome

HEADER = ("| step | result | minutes | it says | date | commit |", "|---|---|--:|---|---|---|")
_ROW = re.compile(r"^\| (?P<name>[^|]+?) \|.*\|$")


def record(page: Path, outcomes: Sequence[Outcome]) -> None:
    """Put a row an outcome in the page's table; the rows of other steps stay as they are.

    The page keeps its text up to the table, with which it ends.
    """
    lines = page.read_text("utf-8").splitlines()
    start = lines.index(HEADER[0]) if HEADER[0] in lines else len(lines)
    rows = {found["name"]: line for line in lines[start + len(HEADER) :] if (found := _ROW.match(line))}
    date, commit = time.strftime("%Y-%m-%d", time.gmtime()), _commit(page)
    for outcome in outcomes:
        said = outcome.closing.replace("|", "/")
        result = "passed" if outcome.passed else "**failed**"
        cells = (outcome.name, result, f"{outcome.seconds / 60:.1f}", said, date, commit)
        rows[outcome.name] = f"| {' | '.join(cells)} |"
    page.write_text("\n".join([*lines[:start], *HEADER, *rows.values()]) + "\n", "utf-8")


def _commit(page: Path) -> str:
    """The commit that is checked out, and whether any file but the page differs from it."""
    here = os.path.relpath(page, ROOT)
    changed = [line for line in _git("status", "--porcelain") if line[3:] != here]
    return f"{_git('rev-parse', '--short', 'HEAD')[0]}{' and changes' if changed else ''}"


def _git(*arguments: str) -> list[str]:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
