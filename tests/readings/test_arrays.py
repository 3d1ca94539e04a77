"""NumPy's arrays as Arrow's: what pa.array makes of them, without what it imports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from jobs.readings.arrays import from_numpy
from tests.outcomes.commands import HEADER, told

KINDS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "?"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 1, 8, 1001])
def test_the_same_as_arrow_makes(kind: str, count: int) -> None:
    values: Any = (np.arange(2 * count) % 5 == 0) if kind == "?" else np.arange(2 * count).astype(kind)
    for some in (values[:count], values[::2], values[::-1]):
        assert from_numpy(some).equals(pa.array(some))
        mask = np.arange(len(some)) % 3 == 0
        found = from_numpy(some, mask=mask)
        found.validate(full=True)
        assert found.equals(pa.array(some, mask=mask))


def test_of_another_type() -> None:
    days = np.array([0, 19_000], np.int32)
    assert from_numpy(days, pa.date32()).equals(pa.array(days, pa.date32()))
    with pytest.raises(AssertionError):
        from_numpy(days, pa.int64())


@pytest.mark.parametrize("engine", ["inline", "local"])
def test_no_process_of_a_job_imports_what_takes_long(tmp_path: Path, engine: str) -> None:
    lines = b"".join(b"2026-03-01T00:00:%02dZ,d,m,%d\n" % (i, i) for i in range(60))
    (tmp_path / "a.csv").write_bytes(HEADER + lines)
    done = told(tmp_path, "a.csv", "-r", engine, "--split-size", "1K", env={"PYTHONPROFILEIMPORTTIME": "1"})
    imported = {line.rpartition("|")[2].strip() for line in done.errors.splitlines()}
    assert done.status == 0
    assert "pyarrow.compute" in imported
    assert not imported & {"numpy.ma.core", "pandas.core", "pyspark.sql", "botocore.session"}
