"""The other jobs' questions, and the cases and goals that follow from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scripts.benchmarks import engines
from scripts.benchmarks.model import Case, Data, Goal, Question, Run

CSV5M, CSV50M = Data("csv5m", 5_000_000), Data("csv50m", 50_000_000)


@dataclass(frozen=True, slots=True)
class Group:
    """Jobs with one goal beside the faster of the peers, on 50 million rows; None: just measured."""

    questions: tuple[Question, ...]
    limit: float | None = None

    @property
    def title(self) -> str:
        return ", ".join(dict.fromkeys(question.job for question in self.questions))


AGGREGATES = (
    Question("rollup", "rollup", left_out=("window_end",)),
    Question("top_devices", "top_devices"),
    Question("histogram", "histogram", left_out=("low", "high")),
    Question("histogram_edges", "histogram", ("--edges", "0,10,20,50,100,200,500"), left_out=("low", "high")),
    Question(
        "histogram_bins",
        "histogram",
        ("--bins", "23"),  # no reading lies on an edge of these, where the peers' divisions are off by a bit
        left_out=("low", "high"),
    ),
    Question("site_stats", "site_stats", ("--devices", "{devices}")),
    Question("distinct_devices", "distinct_devices"),
)
IN_TIME_ORDER = (
    Question(
        "availability",
        "availability",
        ("--interval", "{interval}s"),
        left_out=("interval_seconds", "expected", "missing", "completeness", "mtbf_seconds"),
    ),
    Question("threshold_events", "threshold_events", ("--above", "20"), left_out=("peak_time",)),
    Question(
        "energy",
        "energy",
        ("--power-unit", "W", "--max-gap", "15m"),
        left_out=("uncovered_seconds",),
        tolerance=1e-7,
    ),
    Question(
        "data_quality",
        "data_quality",
        left_out=("missing", "rejects", "out_of_order", "past", "out_of_range", "jumps", "score"),
    ),
)
COMPACT = Question("compact", "compact", ("--output-dir", "{output}"), published=True)
QUANTILES = ("q0.25", "q0.5", "q0.75")
OTHERS = (
    Question("correlations", "correlations", tolerance=1e-6),
    Question("hourly_profile", "hourly_profile", left_out=QUANTILES, loose=dict.fromkeys(QUANTILES, 0.011)),
    Question("anomalies", "anomalies"),
)
GROUPS = (
    Group(AGGREGATES, 0.6),
    Group(IN_TIME_ORDER, 1.5),
    Group((COMPACT,), 1.5),
    Group(OTHERS),
)
SPARK_FACTOR, MOST_MEMORY = 5, 250


def _cases(question: Question) -> Iterator[Case]:
    peers = tuple(Run(peer, peer) for peer in engines.PEERS if engines.answers(peer, question))
    runs = (Run("ours", "ours"), *peers)
    title = f"{question.name}, CSV, {{}}M rows"
    compared = tuple(run.engine for run in runs)
    yield Case(
        f"{question.name}5m", title.format(5), question, (*runs, Run("spark", "spark")), (CSV5M,), quick=compared
    )
    yield Case(f"{question.name}50m", title.format(50), question, runs, (CSV50M,), quick=())


def _goals(group: Group, question: Question) -> Iterator[Goal]:
    small, large = _cases(question)
    peers = tuple(f"{large.name}/{run.label}" for run in large.runs if run.engine != "ours")
    if group.limit is not None:
        names = " and ".join(engines.PEERS[run.engine] for run in large.runs[1:])
        whom = f"the faster of {names}" if len(peers) > 1 else names
        text = f"{question.name}, CSV 50M ÷ {whom}"
        yield Goal(text, f"{large.name}/ours", peers, "at most", group.limit, f"{group.title}: CSV 50M ÷ {whom}")
    spark = f"{small.name}/spark"
    text = f"{question.name}, CSV 5M: times faster than the Spark twin"
    yield Goal(
        text,
        f"{small.name}/ours",
        (spark,),
        "faster",
        SPARK_FACTOR,
        "all of them: CSV 5M, times faster than the Spark twin",
    )
    text = f"{question.name}, CSV 50M: largest process, MB"
    yield Goal(text, f"{large.name}/ours", (), "memory", MOST_MEMORY, "all of them: CSV 50M, largest process, MB")


CASES = tuple(case for group in GROUPS for question in group.questions for case in _cases(question))
GOALS = tuple(goal for group in GROUPS for question in group.questions for goal in _goals(group, question))
