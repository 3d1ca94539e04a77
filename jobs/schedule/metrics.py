"""Measures of a schedule after a run: a text file for node_exporter's textfile collector, and OTLP on request."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jobs.schedule.board import Board, Item
from jobs.schedule.durable import step
from jobs.schedule.night import Night

Values = dict[tuple[tuple[str, str], ...], float]
_STATES = ("published", "stale", "due", "missing", "waiting", "failed", "blocked")


@dataclass(frozen=True, slots=True)
class Measure:
    """A gauge: its name, what it means, and its values by labels."""

    name: str
    help: str
    unit: str
    values: Values


def measures(items: Iterable[Item], board: Board, night: Night, now: float) -> list[Measure]:
    """now: seconds since 1970."""
    states: Counter[tuple[str, str]] = Counter()
    ends: dict[str, float] = {}
    readings: Counter[str] = Counter()
    rejects: Counter[str] = Counter()
    for item in items:
        name = item.task.name
        states.update({(name, state): int(item.state == state) for state in _STATES})
        row = board.published.get(item.key)
        if row is not None:
            ends[name] = max(ends.get(name, 0.0), row.end.timestamp())
            readings[name], rejects[name] = row.readings, row.rejects

    def by_job(values: dict[str, float] | Counter[str]) -> Values:
        return {(("job", name),): float(value) for name, value in sorted(values.items())}

    by_state: Values = {(("job", job), ("state", state)): float(n) for (job, state), n in sorted(states.items())}
    return [
        Measure("sensor_jobs_partitions", "Partitions of the time looked back on, by state.", "", by_state),
        Measure(
            "sensor_jobs_published_to_seconds", "The end of the last published partition.", "seconds", by_job(ends)
        ),
        Measure("sensor_jobs_readings", "Readings of the last published partition.", "", by_job(readings)),
        Measure("sensor_jobs_rejects", "Rejects of the last published partition.", "", by_job(rejects)),
        Measure("sensor_jobs_run_made", "Partitions that the last run made.", "", {(): float(len(night.made))}),
        Measure("sensor_jobs_run_failed", "Partitions that failed in it.", "", {(): float(len(night.failed))}),
        Measure("sensor_jobs_run_duration_seconds", "How long it took.", "seconds", {(): round(night.seconds, 3)}),
        Measure("sensor_jobs_run_end_seconds", "When it ended.", "seconds", {(): round(now, 3)}),
    ]


def text(found: Iterable[Measure]) -> str:
    """As OpenMetrics has them."""
    lines = []
    for measure in found:
        lines += [f"# TYPE {measure.name} gauge", f"# HELP {measure.name} {measure.help}"]
        if measure.unit:
            lines.insert(-1, f"# UNIT {measure.name} {measure.unit}")
        for labels, value in measure.values.items():
            said = ",".join(f'{key}="{label}"' for key, label in labels)
            lines.append(f"{measure.name}{f'{{{said}}}' if said else ''} {value:.15g}")
    return "\n".join([*lines, "# EOF", ""])


def write(path: Path, content: str) -> None:
    """Put the file in its place, whole: the collector may read it at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with step("metrics.write"):
        new.write_text(content, "utf-8")
        new.chmod(0o644)
        new.replace(path)


def export(url: str, found: Iterable[Measure]) -> None:
    """Send them over OTLP (HTTP). Raises whatever the OpenTelemetry library does, OSError for what it just logs."""
    with _logged("opentelemetry") as said:
        is_taken = _exported(url, found)
    if not is_taken:
        reason = "; ".join(said[:1]).replace(urlsplit(url).path or "\0", "")  # a token may be in it
        raise OSError(f"was not taken: {reason}")


@contextmanager
def _logged(name: str) -> Iterator[list[str]]:
    """What a library logs while this lasts, instead of its being shown."""
    said: list[str] = []

    class _Noted(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger, handler = logging.getLogger(name), _Noted()
    is_shown, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.propagate = is_shown


def _exported(url: str, found: Iterable[Measure]) -> bool:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.metrics import CallbackOptions, Observation
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricExportResult, PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource

    failed: list[MetricExportResult] = []

    class _Exporter(OTLPMetricExporter):
        def export(self, *args: Any, **kwargs: Any) -> MetricExportResult:
            result = super().export(*args, **kwargs)
            if result is not MetricExportResult.SUCCESS:
                failed.append(result)
            return result

    reader = PeriodicExportingMetricReader(_Exporter(endpoint=f"{url.rstrip('/')}/v1/metrics", timeout=10), 1e9)
    provider = MeterProvider([reader], Resource.create({"service.name": "sensor-jobs"}))
    meter = provider.get_meter("jobs.schedule")
    for measure in found:

        def observe(
            _: CallbackOptions, values: dict[tuple[tuple[str, str], ...], float] = measure.values
        ) -> list[Observation]:
            return [Observation(value, dict(labels)) for labels, value in values.items()]

        meter.create_observable_gauge(measure.name, [observe], "s" if measure.unit else "", measure.help)
    provider.shutdown()
    return not failed
