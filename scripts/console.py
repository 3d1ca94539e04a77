"""The commands in the documentation: found, run, and their printed output compared with what the page shows.

A ```console block holds commands after `$ ` (continued after `> `) and what they print; a line `…` stands for any
lines. A ```pycon block holds Python as typed at its prompt. An HTML comment right before a block says more about it:
`<!-- not run: reason -->` leaves it out, `<!-- needs: spark -->` marks what it needs (a pytest mark).
docs/development.md tells writers the same.
"""

from __future__ import annotations

import datetime
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ELISION = "…"
_FENCE = re.compile(r"^```(\w*)\s*$")
_NOTE = re.compile(r"^<!--\s*(not run|needs):\s*(.+?)\s*-->$")
_KEPT = frozenset({"JAVA_HOME", "LANG", "SPARK_LOCAL_IP", "SPARK_SUBMIT_OPTS"})
_CACHES = (".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "build", "dist", "*.egg-info", ".coverage*")
_LEFT_OUT = (*_CACHES, "nightly")  # which running the example schedule makes

MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b\d{8}T\d{6}Z-[0-9a-f]{8}\b"), "<run>"),
    (re.compile(r"\b\d[\d,.]*\s?[kMGT]?i?(?:B|rows|lines|readings)/s\b"), "<rate>"),
    (re.compile(r"\b\d[\d,.]*\s?(?:µs|ms|s|seconds|min)\b"), "<time>"),
    (re.compile(r"\b\d+ cores?\b"), "<cores>"),
    (re.compile(r"\b\d+\.\d times as fast"), "<ratio>"),
    (re.compile(r"\b[js]-[0-9A-Z]{13}\b"), "<id>"),
    (re.compile(r"(?:<today>|2026-(?:0[5-9]|1[0-2])-\d\d|20(?:2[7-9]|[3-9]\d)-\d\d-\d\d)T\d\d:\d\d:\d\dZ"), "<now>"),
)
"""What differs from run to run: ids of runs and of EMR, rates, durations, cores, times that are later than any of the
sample data; masked() adds today's date and the folder."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a block and the lines that the page shows it to print."""

    text: str
    line: int
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One block of commands of a page; `line` is that of its fence."""

    page: Path
    line: int
    kind: str
    commands: tuple[Command, ...]
    not_run: str | None = None
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        page = self.page.relative_to(ROOT) if self.page.is_relative_to(ROOT) else self.page.name
        return f"{page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Printed:
    """What one command did."""

    command: Command
    lines: tuple[str, ...]
    status: int


def pages(root: Path = ROOT) -> list[Path]:
    return [root / "README.md", *sorted((root / "docs").glob("**/*.md"))]


def blocks(page: Path) -> list[Block]:
    """The blocks of commands of a page, in order."""
    found: list[Block] = []
    notes: dict[str, str] = {}
    kind: str | None = None
    start, body = 0, list[str]()
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if kind is None and fence:
            kind, start, body = fence[1], number, []
        elif kind is not None and line.strip() == "```":
            if kind in {"console", "pycon"}:
                needs = tuple(word.strip() for word in notes.get("needs", "").split(",") if word.strip())
                commands = _console(body, start) if kind == "console" else _pycon(body, start)
                found.append(Block(page, start, kind, commands, notes.get("not run"), needs))
            kind, notes = None, {}
        elif kind is not None:
            body.append(line)
        elif note := _NOTE.match(line):
            notes[note[1]] = note[2]
        elif line.strip():
            notes = {}
    return found


def _console(body: Sequence[str], start: int) -> tuple[Command, ...]:
    commands: list[Command] = []
    text, at, shown = "", 0, list[str]()
    for number, line in enumerate(body, start + 1):
        if line.startswith("$ "):
            if text:
                commands.append(Command(text, at, _trimmed(shown)))
            text, at, shown = line[2:], number, []
        elif line.startswith(">") and not shown and _goes_on(text):
            text += "\n" + line[2:]
        elif text:
            shown.append(line.rstrip())
    return (*commands, Command(text, at, _trimmed(shown))) if text else tuple(commands)


def _goes_on(text: str) -> bool:
    """Whether a command is unfinished: a backslash ends it, or a here-document is open."""
    document = re.search(r"<<'?(\w+)'?$", text, re.MULTILINE)
    return text.endswith("\\") or (document is not None and not text.endswith(f"\n{document[1]}"))


def _pycon(body: Sequence[str], start: int) -> tuple[Command, ...]:
    source = "\n".join(body).replace("'", "'\\''").replace(ELISION, "...")
    flags = "-o ELLIPSIS -o NORMALIZE_WHITESPACE"
    return (Command(f"printf '%s\\n' '{source}' > .pycon.txt && python -m doctest {flags} .pycon.txt", start, ()),)


def _trimmed(lines: Sequence[str]) -> tuple[str, ...]:
    """The lines without blank ones at either end."""
    filled = [number for number, line in enumerate(lines) if line.strip()]
    return tuple(lines[filled[0] : filled[-1] + 1]) if filled else ()


@dataclass(slots=True)
class Sandbox:
    """A copy of the project in which a page's commands run one after the other, with a home folder of its own."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    @classmethod
    def create(cls, folder: Path) -> Sandbox:
        """Copy the project to `folder`/project."""
        project, home, temporary = folder / "project", folder / "home", folder / "tmp"
        shutil.copytree(ROOT, project, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
        (project / ".venv").symlink_to(sys.prefix)
        home.mkdir()
        temporary.mkdir()
        kept = {name: value for name, value in os.environ.items() if name in _KEPT}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        own = {"HOME": str(home), "TMPDIR": str(temporary), "PATH": path, "COLUMNS": "160", "PYTHONUNBUFFERED": "1"}
        return cls(project, kept | own)

    def lend(self, shared_data: Path) -> None:
        """Let the real data be found where it lies beside a checkout: ../shared/data."""
        link = self.folder.parent / "shared" / "data"
        link.parent.mkdir(exist_ok=True)
        if not link.exists():
            link.symlink_to(shared_data.resolve())

    @property
    def cache(self) -> Path:
        """Where the suite keeps what can be made again."""
        return Path(self.environ["HOME"], ".cache", "sensor-jobs")

    def lend_cache(self, made: Path) -> None:
        """Let a folder of the user's cache be found in this home's."""
        link = self.cache / made.name
        if not link.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            link.symlink_to(made.resolve())

    def run(self, block: Block, limit: float = 120.0) -> list[Printed]:
        """Run a block's commands in one shell; output and errors come together, as a terminal shows them."""
        mark = secrets.token_hex(8)
        script = "".join(f'{command.text}\n_s=$?; echo "{mark} $_s"; (exit $_s)\n' for command in block.commands)
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            text, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            text, _ = process.communicate()
            text += f"\n{mark} 124\n"
        parts = re.split(rf"{mark} (\d+)\n", text)
        return [
            Printed(command, _trimmed([line.rstrip() for line in output.splitlines()]), int(status))
            for command, output, status in zip(block.commands, parts[0::2], parts[1::2], strict=False)
        ]


def masked(line: str, folder: Path | None = None) -> str:
    """The line with all that differs from run to run replaced; where anything was, runs of blanks count as one."""
    text = line.rstrip()
    if folder is not None:
        text = text.replace(str(folder), "<folder>")
    text = text.replace(datetime.datetime.now(datetime.UTC).date().isoformat(), "<today>")
    for pattern, word in MASKS:
        text = pattern.sub(word, text)
    return re.sub(r"\s+", " ", text) if text != line.rstrip() else text


def agrees(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether masked lines are those shown, where a line `…` stands for any number of lines."""
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == ELISION else re.escape(line) + r"\n" for line in shown)
    return re.fullmatch(pattern, "".join(line + "\n" for line in printed)) is not None


def expects_failure(block: Block, number: int) -> bool:
    """Whether the page shows an error of the command, or its exit status right after it."""
    following = block.commands[number + 1 : number + 2]
    asked = bool(following) and following[0].text.strip() == "echo $?"
    return asked or any(line.startswith("error: ") for line in block.commands[number].shown)
