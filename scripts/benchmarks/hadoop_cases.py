"""The cases and goals on a Hadoop cluster."""

from __future__ import annotations

from scripts.benchmarks.cases import DAILY
from scripts.benchmarks.catalogue import COMPACT, CSV5M, CSV50M, IN_TIME_ORDER
from scripts.benchmarks.cluster import STARTS
from scripts.benchmarks.model import Case, Data, Goal, Run, Suite

OURS, JAVA, LINE = Run("ours", "hadoop"), Run("java", "java"), Run("line", "streaming")
JAVA_UBER = Run("java uber", "java-uber")
"""Like with like on tiny input, which ours handles within its application master too; the goal is about usual use."""
HERE = Run("no cluster", "ours")
"""The same on this machine alone, which also gives the answer where it is not known."""
TINY = Data("csv10k", 10_000)
LARGE = Data("csv100m", 100_000_000, files=2)
LARGE_QUESTIONS = (DAILY, *(question for question in IN_TIME_ORDER if question.name == "availability"), COMPACT)

CASES = (
    Case("tiny", "CSV, 10,000 rows", DAILY, (OURS, JAVA, JAVA_UBER), (TINY,)),
    Case("hdfs5m", "CSV, 5M rows", DAILY, (OURS, JAVA, LINE), (CSV5M,)),
    Case("hdfs50m", "CSV, 50M rows", DAILY, (OURS, JAVA), (CSV50M,)),
    Case("hdfs50m-line", "CSV, 50M rows, line by line", DAILY, (LINE,), (CSV50M,), quick=(), named=True),
    *(
        Case(
            f"hdfs100m-{question.name}",
            f"{question.name}, CSV, 100M rows",
            question,
            (OURS, HERE),
            (LARGE,),
            named=True,
        )
        for question in LARGE_QUESTIONS
    ),
)
GOALS = (
    Goal("CSV 50M rows (2.5 GB) ÷ Java MapReduce", "hdfs50m/ours", ("hdfs50m/java",), "at most", 0.5),
    Goal("CSV 50M rows ÷ line-by-line mrjob", "hdfs50m/ours", ("hdfs50m-line/line",), "at most", 0.1),
    Goal("CSV 5M rows ÷ Java MapReduce", "hdfs5m/ours", ("hdfs5m/java",), "at most", 1.0),
    Goal("tiny input, whole job ÷ Java MapReduce", "tiny/ours", ("tiny/java",), "at most", 1.3),
    Goal("cluster up from cached jars, seconds", STARTS, (), "at most", 15),
)
SUITE = Suite(CASES, GOALS, "container")
