"""Blocks that travel in lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from jobs.engine.shuffle import LINE_BYTES, BlockWriter, read_block

ROWS = 300_000
NOISE = np.random.default_rng(1).random(ROWS)


@pytest.mark.parametrize("dictionary", [False, True], ids=["text", "dictionary"])
def test_blocks_fit_into_lines(dictionary: bool) -> None:
    devices = pa.array([f"device-{number}-{noise}" for number, noise in enumerate(NOISE)])
    rows = pa.table({"device_id": devices.dictionary_encode() if dictionary else devices, "sum": NOISE})
    texts = list(BlockWriter("inline", Path()).fitting(rows))
    assert len(texts) > 2
    assert max(map(len, texts)) <= LINE_BYTES
    found = pa.concat_tables([read_block(text) for text in texts], promote_options="permissive")
    assert found["device_id"].to_pylist() == devices.to_pylist()
    assert found["sum"].equals(rows["sum"])


def test_what_fits_is_one_block(tmp_path: Path) -> None:
    small = pa.table({"device_id": ["a"] * 1000, "sum": NOISE[:1000]})
    assert len(list(BlockWriter("inline", Path()).fitting(small))) == 1
    large = pa.table({"device_id": ["a"] * ROWS, "sum": NOISE})
    assert len(list(BlockWriter("reference", tmp_path / "blocks").fitting(large))) == 1


def test_a_row_that_fits_into_none_travels_alone() -> None:
    huge = pa.table({"device_id": ["a"], "sketch": [NOISE.tobytes()]})
    (text,) = BlockWriter("inline", Path()).fitting(huge)
    assert read_block(text).equals(huge)
