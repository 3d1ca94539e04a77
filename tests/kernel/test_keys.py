"""Keys in C are those of the model: the same codes for the same texts, however many."""

from __future__ import annotations

import gc
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.readings.kernel_keys import KernelKeys, new_keys
from jobs.readings.model import Keys
from tests.kernel.lines import needs_kernel

pytestmark = needs_kernel
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=60)


def same(ours: Keys, theirs: Keys) -> None:
    assert ours.device_texts() == theirs.device_texts()
    assert ours.series_texts() == theirs.series_texts()
    assert ours.quality_texts() == theirs.quality_texts()
    assert (ours.device_count, ours.series_count) == (theirs.device_count, theirs.series_count)


@given(devices=TEXTS, metrics=TEXTS, marks=TEXTS)
def test_codes_are_those_of_the_model(devices: list[str], metrics: list[str], marks: list[str]) -> None:
    ours, theirs = new_keys(True), Keys()
    assert isinstance(ours, KernelKeys)
    same(ours, theirs)
    for text in devices * 2:
        assert ours.device(text) == theirs.device(text)
    for i, text in enumerate(metrics):
        unit = [None, "", "V", "\1", text][i % 5]
        assert ours.series(text, unit) == theirs.series(text, unit)
    for text in marks:
        assert ours.quality(text) == theirs.quality(text)
    assert ours.quality(None) == theirs.quality(None) == -1
    same(ours, theirs)


def test_texts_taken_earlier_outlive_the_tables_growth_and_the_keys() -> None:
    keys = new_keys(True)
    keys.device("first")
    early = keys.device_texts()
    for number in range(200_000):
        assert keys.device(f"device-{number}" * (1 + number % 3)) == number + 1
    assert keys.device_texts()[200_000].as_py() == "device-199999" * 2
    del keys
    gc.collect()
    assert early.to_pylist() == ["first"]


def test_texts_that_share_their_first_sixteen_bytes_are_told_apart() -> None:
    keys, draw = new_keys(True), random.Random(1)
    texts = [f"{'x' * draw.randrange(14, 40)}{number}" for number in range(5_000)]
    texts += [text + "\0" for text in texts[:100]]
    codes = {text: keys.device(text) for text in texts}
    assert len(set(codes.values())) == len(set(texts))
    assert [keys.device(text) for text in texts] == [codes[text] for text in texts]


def test_a_trailing_nul_makes_another_key() -> None:
    keys = new_keys(True)
    texts = [f"k{number}" + "\0" * nuls for number in range(100_000) for nuls in (0, 1)]
    assert [keys.device(text) for text in texts] == list(range(len(texts)))


def test_half_a_surrogate_pair_is_no_key() -> None:
    with pytest.raises(UnicodeEncodeError):
        new_keys(True).device("\ud800")


def test_without_the_kernel_keys_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(new_keys(False)) is Keys
    monkeypatch.setenv("JOBS_KERNEL", "off")
    assert type(new_keys(True)) is Keys
