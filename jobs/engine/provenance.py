"""Where a result comes from, as its `_SUCCESS` tells."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from jobs import __version__
from jobs.engine.plan import Plan
from jobs.engine.report import Report
from jobs.engine.run import Run

_NO_OPTIONS = ("output_dir", "overwrite", "dry_run", "fence", "ticket")


def provenance(run: Run, plan: Plan, report: Report, *, listed: bool = False) -> dict[str, Any]:
    """What proves that a rerun read the same input, `listed` object by object; tables and dialects by their SHA-256,
    time zones by the version of their database."""
    tally = report.tally
    own = ("path", "block_size")
    objects = [{k: v for k, v in asdict(o).items() if k not in own and v is not None} for o in plan.objects]
    return {
        "run": run.id,
        "job": run.job,
        "version": __version__,
        "started": datetime.fromtimestamp(run.started / 1e6, UTC).isoformat(),
        "options": {k: v for k, v in asdict(run.settings).items() if k not in _NO_OPTIONS},
        **{k: v for k in ("fence", "ticket") if (v := getattr(run.settings, k)) is not None},
        "input": {"fingerprint": plan.fingerprint(), "objects": len(plan.objects), "bytes": plan.size},
        "plan": {"splits": len(plan.splits), "split_size": plan.split_size, "pruned_objects": plan.pruned_objects},
        "counts": {
            "records": tally.lines,
            "readings": tally.readings,
            "selected": report.selected,
            "missing": tally.missing,
            "excluded": tally.excluded,
            "repeats": report.repeats,
        },
        "bytes": {"read": report.size, "shuffled": report.shuffled},
        "rejects": dict(sorted(tally.rejects.items())),
        "damage": [asdict(d) for d in report.damage],
        **({"tables": tables} if (tables := _hashes(run.tables)) else {}),
        **({"dialects": dialects} if (dialects := _hashes(run.dialects)) else {}),
        "time_zones": {zone["name"]: zone["version"] for zone in run.zones},
        **({"objects": objects} if listed else {}),
    }


def _hashes(texts: dict[str, str]) -> dict[str, str]:
    """SHA-256 of what the run read beside its input."""
    return {name: sha256(text.encode()).hexdigest() for name, text in sorted(texts.items())}
