"""The generator's command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import get_args

from scripts.sample_data_generator.draw import DEFAULT_METRICS, METRICS, Spec
from scripts.sample_data_generator.faults import KINDS
from scripts.sample_data_generator.generate import Kind, Output, generate
from scripts.sample_data_generator.objects import COMPRESSIONS
from scripts.sample_data_generator.spelling import COLUMNS, Style

PARQUET_FAULTS = ("gaps", "clock_jumps")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.sample:
        from scripts.sample_data_generator.sample import write_sample

        write_sample(options.output or Path(__file__).resolve().parents[2] / "sample_data")
        return 0
    if options.output is None:
        parser.error("--output DIR is needed")
    if options.output.exists() and any(options.output.iterdir()):
        parser.error(f"--output {options.output} is not empty; remove it or name another")
    for name in ("rows", "devices", "days", "files"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    if options.format == "parquet" and options.compression != "none":
        parser.error("--compression is for text; Parquet is compressed inside (snappy)")
    spec = Spec(
        lines=options.rows,
        devices=options.devices,
        days=options.days,
        start=options.start,
        metrics=tuple(METRICS[name] for name in options.metrics),
        seed=options.seed,
        wide=options.format == "wide",
        extra_digits=options.extra_digits,
    )
    style = Style(options.columns, "\r\n" if options.crlf else "\n", options.odd_spellings)
    output = Output(options.output, options.format, options.compression, options.files, style)
    generate(spec, output, _faults(parser, options.faults, options.format, options.compression))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="generate_sample_data.py",
        description="Writes sensor logs, the statistics that they must give, and a ledger of the faults put in.",
        epilog="The same options give the same bytes (compressed ones: with the same compression libraries).",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--output", type=Path, metavar="DIR", help="where to write; the known answer goes below DIR/_expected")
    add("--rows", type=int, default=100_000, help="lines in all (default 100000)")
    add("--devices", type=int, default=1000, help="(default 1000)")
    add("--days", type=int, default=7, help="UTC days that the rows are spread over (default 7)")
    add("--start", type=date.fromisoformat, default=date(2026, 3, 1), help="first day (default 2026-03-01)")
    add("--metrics", type=_metrics, default=DEFAULT_METRICS, help=f"comma-separated, of: {', '.join(METRICS)}")
    add("--format", choices=get_args(Kind), default="csv", help="wide: CSV with a column for each metric")
    add("--compression", choices=COMPRESSIONS, default="none")
    add("--files", type=int, default=1, help="objects to spread the rows over (default 1)")
    add("--seed", type=int, default=1)
    add("--faults", default="none", help=f"none, some (all that apply), or comma-separated: {', '.join(KINDS)}")
    add("--sample", action="store_true", help="write the project's sample_data/ instead (or the same into --output)")
    odd = parser.add_argument_group("unusual spellings of the same readings")
    odd.add_argument("--columns", type=_columns, default=COLUMNS, help="column order of long formats")
    odd.add_argument("--crlf", action="store_true", help="lines end with CR LF")
    odd.add_argument("--extra-digits", type=int, choices=range(5), default=0, help="more decimals (other values)")
    odd.add_argument("--odd-spellings", action="store_true", help="5 %% of values with +, exponent or many digits")
    return parser


def _metrics(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in METRICS]:
        raise argparse.ArgumentTypeError(f"unknown metric {unknown[0]!r}; there are {', '.join(METRICS)}")
    return names


def _columns(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if sorted(names) != sorted(COLUMNS):
        raise argparse.ArgumentTypeError(f"must be {', '.join(COLUMNS)} in some order")
    return names


def _faults(parser: argparse.ArgumentParser, text: str, fmt: str, compression: str) -> frozenset[str]:
    if fmt == "parquet":
        possible: Sequence[str] = PARQUET_FAULTS
    else:
        possible = KINDS if compression != "none" else [kind for kind in KINDS if kind not in KINDS[-2:]]
    if text in {"none", "some"}:
        return frozenset(possible if text == "some" else ())
    kinds = frozenset(text.split(","))
    if unknown := sorted(kinds.difference(possible)):
        parser.error(f"--faults: {unknown[0]!r} is not possible here; possible are {', '.join(possible)}")
    return kinds


if __name__ == "__main__":
    sys.exit(main())
