"""What of an environment can be shipped to nodes, and what cannot."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from jobs.engine import dependencies
from jobs.errors import JobError


@pytest.mark.parametrize(
    ("installer", "file", "error"),
    [
        ("conda", "numpy/_core.so", "numpy: is conda's, whose libraries lie elsewhere and are not shipped; "),
        ("conda", "numpy/core.py", None),
        ("pip", "numpy/_core.so", None),
    ],
)
def test_what_conda_has_compiled_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installer: str, file: str, error: str | None
) -> None:
    info = tmp_path / "numpy-2.0.dist-info"
    for path, text in ((info / "METADATA", "Name: numpy\nVersion: 2.0\n"), (info / "INSTALLER", f"{installer}\n")):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (info / "RECORD").write_text(f"{file},,\n")
    (tmp_path / "numpy").mkdir()
    (tmp_path / file).write_bytes(b"x")
    monkeypatch.setattr(dependencies, "_closure", lambda: iter([("numpy", metadata.PathDistribution(info))]))
    if error is None:
        assert dependencies.build(tmp_path / "cache").is_file()
        return
    with pytest.raises(JobError) as raised:
        dependencies.build(tmp_path / "cache")
    assert str(raised.value) == f"{error}install it with pip, or have it on the nodes: --dependencies node"
