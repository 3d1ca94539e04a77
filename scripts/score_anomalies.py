"""Scores the detectors of the job `anomalies`, and two baselines, by the rules of the Numenta Anomaly Benchmark.

    python -m scripts.score_anomalies FOLDER

FOLDER holds NAB's `data` and `labels`. Printed are the scores per file and in total, with one threshold a detector for
all files, and false alarms per 1,000 readings; then, for two halves of the files, what a threshold chosen on one gives
on the other.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobs.partials.anomalies import open_judge
from scripts.baselines import relative_entropy, windowed_gaussian
from scripts.nab import corpus, simulated
from scripts.nab.corpus import Series
from scripts.nab.scoring import Floats, Result, best_threshold, normalised, score

_HOUR = 3_600_000_000


def ours(name: str) -> Callable[[Series], Floats]:
    """A detector of the job, with its default parameters."""

    def scores(series: Series) -> Floats:
        sequence = np.zeros(len(series.value), np.int64)
        return open_judge(True).judge(sequence, series.timestamp // _HOUR, series.value).score[name]

    return scores


DETECTORS: dict[str, Callable[[Series], Floats]] = {
    "seasonal": ours("seasonal"),
    "novelty": ours("novelty"),
    "windowedGaussian": lambda series: windowed_gaussian.scores(series.value),
    "relativeEntropy": lambda series: relative_entropy.scores(series.value),
}


@dataclass(frozen=True)
class Scored:
    """A detector's scores of the files, in their order."""

    name: str
    files: Sequence[Series]
    scores: Sequence[Floats]

    def threshold(self) -> float:
        return best_threshold([(f.labels, s) for f, s in zip(self.files, self.scores, strict=True)])

    def results(self, threshold: float) -> list[Result]:
        return [score(f.labels, s, threshold) for f, s in zip(self.files, self.scores, strict=True)]

    def total(self, threshold: float) -> float:
        return normalised(sum(r.raw for r in self.results(threshold)), [f.labels for f in self.files])

    def half(self, odd: int) -> Scored:
        return Scored(self.name, self.files[odd::2], self.scores[odd::2])


def run(files: Sequence[Series]) -> list[Scored]:
    return [Scored(name, files, [detect(f) for f in files]) for name, detect in DETECTORS.items()]


def per_file(scored: Sequence[Scored]) -> list[list[str]]:
    """A row for each file: score, windows found, false alarms by detector; then the totals."""
    rows = [["file", "windows", *(s.name for s in scored)]]
    thresholds = [s.threshold() for s in scored]
    results = [s.results(t) for s, t in zip(scored, thresholds, strict=True)]
    for i, file in enumerate(scored[0].files):
        found = [r[i] for r in results]
        cells = [f"{normalised(r.raw, [file.labels]):.1f} ({r.detected}, {r.false_alarms})" for r in found]
        if not file.labels.windows:
            cells = [f"({r.detected}, {r.false_alarms})" for r in found]
        rows.append([file.name, str(len(file.labels.windows)), *cells])
    windows = sum(len(f.labels.windows) for f in scored[0].files)
    rows.append(
        ["**all files**", str(windows), *(f"**{s.total(t):.1f}**" for s, t in zip(scored, thresholds, strict=True))]
    )
    rows.append(["windows found", "", *(str(sum(r.detected for r in rs)) for rs in results)])
    rows.append(["false alarms per 1,000 readings", "", *(f"{alarm_rate(rs):.2f}" for rs in results)])
    rows.append(["threshold", "", *(f"{t:.6g}" for t in thresholds)])
    return rows


def alarm_rate(results: Sequence[Result]) -> float:
    """False alarms per 1,000 judged readings of all files."""
    return 1000 * sum(r.false_alarms for r in results) / sum(r.readings for r in results)


def across(scored: Sequence[Scored]) -> list[list[str]]:
    """What thresholds chosen on one half of the files give on each half, and what our default of 0.5 gives on all."""
    rows = [["threshold chosen on", "score on", *(s.name for s in scored)]]
    names = ("files 1, 3, 5 …", "files 2, 4, 6 …")
    for chosen in (0, 1):
        for on in (0, 1):
            cells = [f"{s.half(on).total(s.half(chosen).threshold()):.1f}" for s in scored]
            rows.append([names[chosen], names[on], *cells])
    for name, part in (
        (names[0], [s.half(0) for s in scored]),
        (names[1], [s.half(1) for s in scored]),
        ("all", scored),
    ):
        rows.append(["0.5, the job's default", name, *(f"{s.total(0.5):.1f}" for s in part[:2]), "", ""])
    return rows


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table that people read as it is, too."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def main(args: Sequence[str] | None = None) -> None:
    assert __doc__
    parser = argparse.ArgumentParser(prog="scripts.score_anomalies", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="NAB's folder, with data and labels")
    parser.add_argument("--simulated", type=int, nargs="*", default=[], metavar="SEED", help="simulated series, too")
    options = parser.parse_args(args)
    files = list(corpus.load(options.folder))
    scored = run(files)
    print("NAB, standard profile: score (windows found, false alarms)\n")
    print(markdown(per_file(scored)), markdown(across(scored)), sep="\n\n")
    for seed in options.simulated:
        made = run(simulated.make(seed))
        print(f"\nsimulated, seed {seed}\n\n{markdown(per_file(made)[:1] + per_file(made)[-4:])}")


if __name__ == "__main__":
    main()
