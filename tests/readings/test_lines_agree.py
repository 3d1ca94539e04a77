"""However an object is read, in blocks, parts or pieces, by kernel or reference, it holds what the definition says.

JOBS_FUZZ_ROUNDS multiplies the work.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.readings import lines
from jobs.readings.delimited import DelimitedReference
from jobs.readings.fixed import FixedReference
from jobs.readings.preamble import find_preamble
from tests.effort import rounds
from tests.readings.definition import define, read
from tests.readings.spellings import CASES, large_object, objects

_SETTINGS = settings(
    max_examples=rounds(12),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

_PATHS = pytest.mark.parametrize("kernel", [False, True], ids=["reference", "kernel"])
_TINY = pytest.mark.usefixtures("_tiny_blocks")


@pytest.fixture
def _tiny_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "SMALL_BLOCK", 2)


@_PATHS
@_TINY
@pytest.mark.parametrize("name", CASES)
@_SETTINGS
@given(data=st.data())
def test_blocks_give_what_the_definition_gives(name: str, kernel: bool, data: st.DataObject) -> None:
    dialect, fmt, *_ = CASES[name]
    content = data.draw(objects(CASES[name]))
    assert read(content, dialect, fmt, kernel=kernel) == define(content, dialect, fmt)


@_PATHS
@_TINY
@pytest.mark.parametrize("name", CASES)
@_SETTINGS
@given(data=st.data())
def test_small_buffers_and_short_reads_change_nothing(name: str, kernel: bool, data: st.DataObject) -> None:
    dialect, fmt, header, _ = CASES[name]
    dialect = replace(dialect, max_record=len(header) + data.draw(st.integers(20, 120)))
    content = data.draw(objects(CASES[name]))
    sizes = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=4))
    assert read(content, dialect, fmt, sizes=sizes, kernel=kernel) == define(content, dialect, fmt)


@_PATHS
@_TINY
@pytest.mark.parametrize("name", [name for name in CASES if name != "newlines"])
@_SETTINGS
@given(data=st.data())
def test_any_parts_give_the_whole(name: str, kernel: bool, data: st.DataObject) -> None:
    dialect, fmt, *_ = CASES[name]
    content = data.draw(objects(CASES[name]))
    cuts = data.draw(st.sets(st.integers(1, len(content) + 2), max_size=6))
    preamble = find_preamble(content, True, dialect, fmt, "object.csv")
    assert preamble is not None
    parts = read(content, dialect, fmt, cuts=cuts, header=content[: preamble.size], kernel=kernel)
    whole = define(content, dialect, fmt)
    unnumbered = [replace(reject, line=None) for reject in whole.rejects]
    assert replace(parts, rejects=[replace(r, line=None) for r in parts.rejects]) == replace(whole, rejects=unnumbered)


@_PATHS
@_TINY
@pytest.mark.parametrize("name", [name for name in CASES if name != "isd"])
@_SETTINGS
@given(body=st.binary(max_size=300))
def test_any_bytes(name: str, kernel: bool, body: bytes) -> None:
    dialect, fmt, header, _ = CASES[name]
    assert read(header + body, dialect, fmt, kernel=kernel) == define(header + body, dialect, fmt)


@_PATHS
@pytest.mark.parametrize("name", CASES)
def test_large_blocks(name: str, kernel: bool) -> None:
    dialect, fmt, *_ = CASES[name]
    content = large_object(CASES[name], 1500, seed=len(name))
    assert read(content, dialect, fmt, kernel=kernel) == define(content, dialect, fmt)


@pytest.mark.parametrize("name", CASES)
def test_good_records_do_not_need_the_definition(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dialect, fmt, *_ = CASES[name]
    content = large_object(CASES[name], 200, seed=1, share=0)
    expected = define(content, dialect, fmt)
    for reference in (DelimitedReference, FixedReference):
        monkeypatch.setattr(reference, "read_record", lambda *_: pytest.fail("a good record was not taken"))
    assert read(content, dialect, fmt) == expected
    assert expected.lines == 200
