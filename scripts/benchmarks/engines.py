"""The command of each engine. All read the same files and write the same columns as CSV, sorted by key.

On this machine an answer is printed; on a Hadoop cluster input and answer lie in HDFS.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from scripts.benchmarks.model import Question
from scripts.environment import ROOT

NEEDS = {
    "ours": ("numpy", "pyarrow", "mrjob"),
    "duckdb": ("duckdb",),
    "polars": ("polars",),
    "spark": ("pyspark",),
    "line": ("mrjob",),
    "hadoop": ("numpy", "pyarrow", "mrjob"),
    "java": (),
    "java-uber": (),
    "streaming": ("mrjob",),
}
"""Engines, and the packages that they need. `line` is the usual line-by-line mrjob job; `hadoop` is ours with
`-r hadoop`, `java` the usual MapReduce job in Java, `java-uber` that within its application master, as ours on tiny
input, `streaming` the line-by-line job with `-r hadoop`."""
PEERS = {"duckdb": "DuckDB", "polars": "Polars"}
OURS = ("ours", "spark", "hadoop")
IN_JAVA = ("java", "java-uber")
ON_HADOOP = ("hadoop", *IN_JAVA, "streaming")
JAVA_SPLIT = 128 << 20
"""Bytes: a map task of a single block would spend much of its time on starting."""
BASELINES = ROOT / "scripts" / "baselines"


def missing(engine: str) -> str | None:
    """The first package that an engine lacks here, or the compiler."""
    if engine in IN_JAVA and shutil.which("javac") is None:
        return "javac, which is part of a JDK (Debian: apt install openjdk-17-jdk-headless)"
    return next((package for package in NEEDS[engine] if find_spec(package) is None), None)


def kernel_missing() -> str:
    """Why our jobs would run without the kernel; empty where they have it."""
    from jobs.kernel import library

    return library.why_missing()


def answers(peer: str, question: Question) -> bool:
    """Whether there is a query for this question."""
    folder = Path(__file__).with_name("peers") / peer
    return any((folder / f"{question.name}{ending}").exists() for ending in (".sql", ".py"))


def command(engine: str, question: Question, path: str, fmt: str, values: Mapping[str, str]) -> list[str]:
    """The command that answers about a file or folder; `fmt` is the name of its dialect or format; values: what stands
    for the names in braces of options and queries; for the Java job also `jar` and `jvm`, the options of its JVMs."""
    python, line_by_line = sys.executable, str(BASELINES / "line_by_line.py")
    if engine in OURS:
        package = "jobs.spark" if engine == "spark" else "jobs"
        dialect = ["--dialect", fmt] if fmt == "sensor_community" else []
        options = [option.format_map(values) for option in question.options]
        output = [] if question.published else ["--output-format", "csv"]
        if engine == "hadoop":
            options += ["-r", "hadoop"]
            output += [] if question.published else ["--output-dir", values["output"]]
        return [python, "-m", f"{package}.{question.job}", path, *dialect, *options, *output]
    if engine == "line":
        return [python, line_by_line, "-r", "local", "--no-conf", path]
    if engine == "streaming":
        where = ["--python-bin", python, "--cmdenv", f"PYTHONPATH={ROOT}", "--output-dir", values["output"]]
        return [python, line_by_line, "-r", "hadoop", "--no-conf", *where, path]
    if engine in IN_JAVA:
        properties = {f"mapreduce.{role}.java.opts": values["jvm"] for role in ("map", "reduce")}
        properties["mapreduce.input.fileinputformat.split.minsize"] = str(JAVA_SPLIT)
        if engine == "java-uber":
            properties["mapreduce.job.ubertask.enable"] = "true"
        given = [f"-D{name}={value}" for name, value in properties.items()]
        return ["hadoop", "jar", values["jar"], "DailyStats", *given, path, values["output"]]
    used = (f"{name}={value}" for name, value in values.items() if question.uses(name))
    return [python, "-m", f"scripts.benchmarks.peers.{engine}", question.name, path, fmt, *used]
