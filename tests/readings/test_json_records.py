"""JSON objects of every layout: the same readings, and what a bad document costs."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.readings.compression import Damage
from jobs.readings.dialect import Quality, Wide
from jobs.readings.json_line import JsonRecords, parse_json_line
from jobs.readings.model import Keys, Tally
from jobs.readings.part import Part, Sink
from jobs.readings.reader import read_part
from tests.effort import rounds
from tests.readings.json_reading import LAYOUTS, LONG, RUN_START, Found, Source, document, expected, one, read


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("max_record", [300, 1 << 20])
def test_every_layout_gives_the_same_readings(layout: str, mark: bytes, max_record: int) -> None:
    text = mark + LAYOUTS[layout]([document(i, more={"a": [i, {"b": "}{"}]}) for i in range(100)]).encode()
    found, rejects, tally = read(text, replace(LONG, max_record=max_record))
    assert found == [expected(i) for i in range(100)]
    assert not rejects
    assert tally.lines == 100


@settings(max_examples=rounds(60), deadline=None)
@given(st.sampled_from(sorted(LAYOUTS)), st.lists(st.integers(1, 90), min_size=1, max_size=4), st.data())
def test_cuts_of_reads_change_nothing(layout: str, sizes: list[int], data: st.DataObject) -> None:
    text = bytearray(LAYOUTS[layout]([document(i) for i in range(12)]).encode())
    for _ in range(data.draw(st.integers(0, 3))):
        text[data.draw(st.integers(1, len(text) - 1))] = data.draw(st.sampled_from(b'{}[],:"\\x0\n\xff'))
    dialect = replace(LONG, max_record=200)
    whole = read(bytes(text), dialect)
    assert read(Source(bytes(text), sizes), dialect) == whole


@settings(max_examples=rounds(60), deadline=None)
@given(st.integers(0, 12), st.data())
def test_lines_cut_at_any_byte_are_read_once(count: int, data: st.DataObject) -> None:
    lines = [json.dumps(document(i)) for i in range(count)]
    lines.insert(count // 2, "{broken")
    text = ("\n".join(lines) + data.draw(st.sampled_from(["", "\n"]))).encode()
    cuts = sorted({0, *data.draw(st.lists(st.integers(1, len(text)), max_size=4))})
    found: list[Found] = []
    rejects = []
    for start, end in zip(cuts, [*cuts[1:], None], strict=True):
        part = Part("x.json", start, end)
        readings, bad, _ = read(Source(text[part.read_from :]), LONG, part)
        found += readings
        rejects += [(offset, reason) for offset, _, reason, *_ in bad]
    assert found == [expected(i) for i in range(count)]
    assert rejects == [(text.index(b"{broken"), "json")]


NASTY = [
    "1",
    "1.5",
    '"x"',
    '""',
    "null",
    "true",
    "{}",
    "[1]",
    "NaN",
    "1e999",
    '"NA"',
    '"2026-03-01T00:00:00Z"',
    '"\\ud800"',
    '"é"',
    '"\\n"',
]


@settings(max_examples=rounds(60), deadline=None)
@given(st.data(), st.sampled_from(["\n", ""]), st.booleans())
def test_many_at_once_are_as_one_by_one(data: st.DataObject, glue: str, wide: bool) -> None:
    keys = ["timestamp", "device_id", "metric", "value", "unit", "quality", "a"]
    good = json.dumps(document(7))
    changes = data.draw(st.lists(st.tuples(st.sampled_from(keys), st.sampled_from(NASTY)), min_size=1, max_size=12))
    lines = [good] * 70 + [f'{good[:-1]},"{key}":{value}}}' for key, value in changes]
    dialect = replace(LONG, missing=data.draw(st.sampled_from([("",), ("NA",)])))
    if wide:
        quality = Quality("quality", data.draw(st.sampled_from([(), ("x",)])))
        dialect = replace(dialect, long=None, wide=(Wide("value", "v"), Wide("a", "a", scale=2)), quality=quality)
    expected = [one(line, dialect) for line in lines]
    found, rejects, tally = read(glue.join(lines).encode(), dialect)
    assert found == [(*row[:3], row.unit, row.value, row.quality) for record in expected for row in record.rows]
    assert sorted(reason for _, _, reason, *_ in rejects) == sorted(str(r.reason) for e in expected for r in e.rejects)
    assert tally.lines == len(lines)
    assert (tally.missing, tally.excluded) == (sum(e.missing for e in expected), sum(e.excluded for e in expected))


def test_what_was_read_before_leaves_no_trace() -> None:
    """A mark that is cut is completed by nothing that a buffer held before."""
    read(b"\xef\xbb\xbf" + json.dumps(document(1)).encode())
    found, rejects, _ = read(b"\xef\xbb")
    assert found == []
    assert [(offset, reason) for offset, _, reason, _, _ in rejects] == [(0, "json")]


def test_a_bad_line_costs_that_line() -> None:
    good = [json.dumps(document(i)).encode() for i in range(3)]
    for bad in (b'{"timestamp":', b"nonsense", b'{"a":1}}', b'{"a":1} {"b":2}', b"\xff", b'{"a":"\x01"}', b"{'a':1}"):
        text = b"\n".join([good[0], bad, b"", good[1], good[2]])
        found, rejects, tally = read(text)
        assert found == [expected(i) for i in range(3)]
        assert rejects == [(len(good[0]) + 1, 2, "json", None, bad)]
        assert tally.lines == 4


BAD_DOCUMENTS = [
    '{"a":1,"b":tru}',
    '{"a":"x,"b":1}',
    '{"a":"x}',
    '{"a":{"b":[1,2}}',
    '{"a" 1}',
    '{"a":[{"x":1}{"x":2}]',
    '{"a":01}',
    '{"a":"\\q"}',
    '{"a":"\t"}',
]


@pytest.mark.parametrize("bad", BAD_DOCUMENTS)
@pytest.mark.parametrize("glue", ["", "\n", "\n\n"])
def test_a_bad_document_costs_little(bad: str, glue: str) -> None:
    indent = None if not glue else 2
    good = [json.dumps(document(i), indent=indent) for i in range(9)]
    text = glue.join([*good[:3], bad, *good[3:]])
    found, rejects, tally = read(text.encode(), replace(LONG, max_record=2000))
    lost = [i for i in range(9) if expected(i) not in found]
    assert set(lost) <= {3}
    assert {"json"} <= {reason for _, _, reason, *_ in rejects}
    assert (len(glue.join([*good[:3], ""]).encode()), "json") in [(offset, reason) for offset, _, reason, *_ in rejects]
    assert tally.lines == len(found) + len(rejects)


def test_a_bad_element_of_an_array_costs_little() -> None:
    nested = '{"readings":[{"x":1},{"x":oops},{"x":3}],"more":{"y":1}}'
    for bad in ('{"a":tru}', nested, '{"a":1', "oops"):
        elements = [json.dumps(document(i)) for i in range(9)]
        elements.insert(3, bad)
        found, rejects, _ = read(("[" + ",\n".join(elements) + "]").encode())
        assert len(found) >= 8
        assert found[-1] == expected(8)
        assert "json" in {reason for _, _, reason, *_ in rejects}


@pytest.mark.parametrize(
    "text", ["[", "[%s", "[%s,", "[%s %s]", "[%s,]", "[%s]]", "[%s]x", "[,%s]", "[%s:%s]", "%s,%s", "[%s}"]
)
def test_an_array_that_is_none_is_told(text: str) -> None:
    found, rejects, _ = read(text.replace("%s", json.dumps(document(1))).encode())
    assert all(reading == expected(1) for reading in found)
    assert "json" in {reason for _, _, reason, *_ in rejects}


@pytest.mark.parametrize("begun", ["", "%s", "%s,", "%s,\n%s\n"])
def test_an_array_that_is_not_closed_is_told_where_it_begins(begun: str) -> None:
    text = json.dumps(document(1))
    found, rejects, _ = read(f"[{text}]\n [{begun.replace('%s', text)}".encode())
    assert found == [expected(1)] * (1 + begun.count("%s"))
    assert rejects == [(len(text.encode()) + 4, 2, "json", None, b"[")]


def test_what_follows_an_array_is_no_part_of_it() -> None:
    text = json.dumps(document(1))
    found, rejects, _ = read(f"[{text}]x\n{text}".encode())
    assert found == [expected(1)] * 2
    assert rejects == [(len(text.encode()) + 2, 1, "json", None, b"x")]


def test_long_documents_are_skipped_in_bounded_memory() -> None:
    dialect = replace(LONG, max_record=1000)
    good = [json.dumps(document(i)) for i in range(4)]
    long = json.dumps(document(9, more="x" * 5000))
    for glue in ("", " \n"):
        text = glue.join([*good[:2], long, *good[2:]])
        found, rejects, _ = read(text.encode(), dialect)
        assert found == [expected(i) for i in range(4)]
        offset = len(glue.join([*good[:2], ""]).encode())
        assert rejects == [(offset, text[: text.index(long)].count("\n") + 1, "too_long", None, long.encode()[:200])]
    exact = json.dumps(document(5, more=""))
    exact = json.dumps(document(5, more="x" * (1000 - len(exact.encode()))))
    assert len(exact.encode()) == 1000
    for text in (exact + good[0], good[0] + exact, exact, exact + "\n" + good[0]):
        assert not read(text.encode(), dialect)[1]


def test_memory_is_bounded_for_large_documents() -> None:
    text = ("[" + ",".join(json.dumps(document(i, more=["x"] * 50_000)) for i in range(60)) + "]").encode()
    tracemalloc.start()
    found, _, _ = read(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 60
    assert peak < 20_000_000


def test_documents_before_damage_count_and_the_unfinished_one_does_not() -> None:
    texts = [json.dumps(document(i)) for i in range(3)]
    for layout in ("".join(texts), "[" + ",".join(texts), "\n".join(texts) + "\n"):
        for cut in (5, 40):
            seen: list[float] = []
            source = Source((layout + texts[0][:cut]).encode(), damage=Damage(7, "truncated gz data"))
            sink = Sink(Keys(), Tally(), lambda reject: pytest.fail(str(reject)), RUN_START)
            with pytest.raises(Damage):
                for batch in read_part(source, Part("x"), LONG, "json", sink):
                    seen += batch.value.tolist()
            assert seen == [0, 0.125, 0.25]


def test_the_json_test_suite(shared_data: Path) -> None:
    records = JsonRecords(LONG, "x", RUN_START)
    constants = {"n_number_NaN.json", "n_number_infinity.json", "n_number_minus_infinity.json"}  # which we do read
    files = sorted((shared_data / "json_test_suite" / "test_parsing").iterdir())
    assert len(files) > 300
    for file in files:
        data = file.read_bytes()
        reasons = [str(reject.reason) for reject in parse_json_line(data, records).rejects]
        if file.name[0] == "y" or file.name in constants:
            assert "json" not in reasons, file.name
        elif file.name[0] == "n":
            assert reasons == ["json"], file.name
        found, rejects, _ = read(data)
        assert not found
        told = {reason for _, _, reason, *_ in rejects}
        if file.name[0] == "n" and file.name not in constants and data:  # here documents may follow each other
            blank = not data.removeprefix(b"\xef\xbb\xbf").strip()
            several = file.name in {"n_structure_double_array.json", "n_structure_object_with_trailing_garbage.json"}
            assert ("json" in told) is not (blank or several), file.name
        if file.name[0] == "y":
            assert "json" not in told, file.name
