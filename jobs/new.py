"""python -m jobs.new NAME: a new job with its Spark twin, test, page and picture, all of which work at once."""

from __future__ import annotations

import argparse
import keyword
import re
import subprocess
import sys
from pathlib import Path
from string import Template

from jobs import registry
from jobs.engine.guard import guarded, strict
from jobs.errors import UsageError

SKELETON = Path(__file__).with_name("engine") / "skeleton"
FILES = {
    "job.py.txt": "jobs/{}.py",
    "twin.py.txt": "jobs/spark/{}.py",
    "test.py.txt": "tests/jobs/test_{}.py",
    "page.md.txt": "docs/{}.md",
    "picture.py.txt": "scripts/pictures/{}.py",
}
"""What is written, from which template."""


def main() -> int:
    """Writes all files or none; raises UsageError for a name that cannot be and where a file is there already."""
    options = _parser().parse_args()
    name, root = options.name, Path.cwd()
    _check(name, root)
    words = name.split("_")
    title = " ".join(words).capitalize()
    question = options.question or f"What is the {' '.join(words)} of each sensor and day?"
    if not re.fullmatch(r"[^\"\\\x00-\x1f]+", question):
        raise UsageError("must be one line without quotes and backslashes", where="--question")
    texts = {
        "name": name,
        "class_name": "".join(word.capitalize() for word in words),
        "title": title,
        "question": question,
        "lower_question": question[0].lower() + question[1:],
    }
    written = {root / place.format(name): SKELETON / source for source, place in FILES.items()}
    for path in written:
        if path.exists():
            raise UsageError("is there already", where=str(path.relative_to(root)), fix="choose another name")
    for path, source in written.items():
        path.write_text(Template(source.read_text("utf-8")).substitute(texts), "utf-8")
        print(f"wrote {path.relative_to(root)}")
    subprocess.run([sys.executable, "-m", f"scripts.pictures.{name}"], check=True)
    print(f"drew docs/{name}.svg")
    print(
        f"\nIt works already: python -m jobs.{name} sample_data/"
        f"\nIts tests:        python -m pytest tests/jobs/test_{name}.py tests/jobs/test_parity.py -k {name}"
        "\nThe lists in README and docs/command-line.md: python -m scripts.refresh_docs"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jobs.new",
        description="Writes a job, its Spark twin, a test, a page and its picture into the checkout that you stand in. "
        "They work at once: change them into what you need.",
        allow_abbrev=False,
    )
    parser.add_argument("name", metavar="NAME", help="of the job and its module, as battery_life")
    parser.add_argument("--question", metavar="TEXT", help="the question that the job answers")
    return strict(parser)


def _check(name: str, root: Path) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise UsageError(f"{name!r} is no name of a job", fix="write it as battery_life: small letters, digits and _")
    if name in registry.all_jobs() or (root / "jobs" / name).exists():
        raise UsageError(f"{name!r} is taken", fix="python -m jobs lists the jobs")
    missing = [str(Path(place).parent) for place in FILES.values() if not (root / place).parent.is_dir()]
    if missing:
        raise UsageError(f"there is no {missing[0]}/ here", fix="stand in a checkout of the project")


if __name__ == "__main__":
    sys.exit(guarded(main))
