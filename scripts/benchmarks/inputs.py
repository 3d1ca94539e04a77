"""The files that are measured: generated once, or there."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.benchmarks.model import Case, Data
from scripts.benchmarks.process import run_quietly
from scripts.environment import ROOT

EXPECTED = "_expected"
SITES = "devices.csv"
MANY_SITES = 20


@dataclass(frozen=True, slots=True)
class Input:
    """A file, or a folder of several, in a format or dialect; `expected`: its known statistics. size: bytes.
    interval: how often a series has a reading, about; seconds, 0 where nobody knows."""

    path: Path
    fmt: str
    size: int
    expected: Path | None
    interval: int = 0

    @property
    def objects(self) -> list[Path]:
        """The log objects."""
        if self.path.is_file():
            return [self.path]
        found = sorted(path for path in self.path.rglob("*") if path.is_file() and not path.name.startswith("_"))
        return [path for path in found if EXPECTED not in path.parts]

    @property
    def name(self) -> str:
        """That of the data, or of the folder that is there."""
        return (self.path.parent if self.path.is_file() else self.path).name

    def values(self, output: str) -> dict[str, str]:
        """What stands for the names in braces of options and queries."""
        return {
            "interval": str(self.interval),
            "devices": str(self.path.parent / EXPECTED / SITES),
            "output": output,
        }


def prepare(case: Case, cache: Path, *, quick: bool) -> dict[str, Input]:
    """The inputs of a case by name, and the first also as the empty name; generated where the cache lacks them."""
    if case.folder is not None:
        known = case.folder / EXPECTED / "statistics.csv"
        there = Input(case.folder, case.fmt, 0, known if known.exists() else None)
        return {"": replace(there, size=sum(path.stat().st_size for path in there.objects))}
    inputs = {data.name: _generated(data, cache / "quick" if quick else cache, quick=quick) for data in case.data}
    return {"": inputs[case.data[0].name], **inputs}


def _generated(data: Data, cache: Path, *, quick: bool) -> Input:
    """Generated beside and renamed, so that what is there is whole; made anew when the options have changed."""
    folder = cache / data.name
    arguments = data.arguments(quick=quick)
    remembered = folder / EXPECTED / "arguments.json"
    if not (folder / EXPECTED / SITES).exists() or json.loads(remembered.read_text("utf-8")) != arguments:
        partial = cache / f"{data.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        script = ROOT / "scripts" / "generate_sample_data.py"
        print(f"  generating {folder}", file=sys.stderr, flush=True)
        run_quietly([sys.executable, str(script), *arguments, "--output", str(partial)])
        _write_sites(partial / EXPECTED)
        (partial / EXPECTED / "arguments.json").write_text(json.dumps(arguments), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    objects = json.loads((folder / EXPECTED / "manifest.json").read_text("utf-8"))["objects"]
    path = folder / objects[0]["name"] if len(objects) == 1 else folder
    size = sum(entry["bytes"] for entry in objects)
    return Input(path, data.fmt, size, folder / EXPECTED / "statistics.csv", data.interval)


def _write_sites(folder: Path) -> None:
    """The metadata of the devices that the known statistics name, but of one in ten."""
    with (folder / "statistics.csv").open(encoding="utf-8", newline="") as file:
        devices = dict.fromkeys(row["device_id"] for row in csv.DictReader(file))
    rows = [f"{device},site-{n % MANY_SITES + 1:02d}\n" for n, device in enumerate(devices) if n % 10 != 9]
    (folder / SITES).write_text("".join(["device_id,site\n", *rows]), "utf-8")


def warm(given: Input) -> None:
    """Reads the files once, so that every engine finds them in the page cache."""
    buffer = bytearray(1 << 20)
    for path in given.objects:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
