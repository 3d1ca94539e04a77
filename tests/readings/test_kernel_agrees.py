"""What the kernel takes is what the definition gives: numbers, times, keys and whole objects, mutated at random.

JOBS_FUZZ_ROUNDS multiplies the work; scripts/fuzz_kernel.py raises it under the sanitizers.
"""

from __future__ import annotations

import io
import json
import random
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.readings import dialect_file, kernel_lines
from jobs.readings.dialect import Delimited, Device, Dialect, Format, Long, Numbers, Timestamp, Wide
from jobs.readings.json_line import JsonRecords, parse_json_line
from jobs.readings.kernel_keys import new_keys
from jobs.readings.model import TEXT_LIMIT, Reject, Tally
from jobs.readings.numbers import parse_number
from jobs.readings.part import Part, Sink
from jobs.readings.reader import read_part
from jobs.readings.timestamps import TimeReader
from tests.effort import rounds
from tests.kernel.lines import needs_kernel, taken
from tests.readings.definition import RUN_START, Outcome, define, read
from tests.readings.spellings import CASES

pytestmark = needs_kernel


@pytest.fixture(autouse=True)
def _keep_what_the_kernel_took(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_lines, "FEW", 1 << 30)


def spelled_numbers(draw: random.Random, mark: str) -> str:
    """A number, or nearly one."""
    kind = draw.randrange(8)
    if kind == 0:
        return repr(struct.unpack("<d", draw.randbytes(8))[0]).replace(".", mark)
    if kind == 1:
        return repr(draw.uniform(-1e3, 1e3)).replace(".", mark)
    if kind == 2:  # exactly between two doubles, or next to it
        return str((draw.getrandbits(53) | 1 << 52) * 2 + 1) + draw.choice(
            ["", "0", mark, mark + "0", mark + "1", mark + "0000001", f"{mark}00000e-9", "000001", "00000e-20"]
        )
    if kind == 3:
        return f"{draw.uniform(-100, 2000):.{draw.randrange(9)}f}".replace(".", mark)
    if kind == 4:
        return draw.choice(["", "+", "-"]) + f"{draw.getrandbits(draw.randrange(1, 64))}e{draw.randrange(-45, 40)}"
    digits = "".join(draw.choice("0123456789") for _ in range(draw.randrange(22)))
    place = draw.randrange(len(digits) + 1)
    text = draw.choice(["", "", "-", "+"]) + digits[:place] + draw.choice([mark, mark, ""]) + digits[place:]
    if kind == 5 and text:
        place = draw.randrange(len(text))
        text = text[:place] + draw.choice("0 9eE+-.,_xnaif/:;") + text[place + draw.randrange(2) :]
    return text


@pytest.mark.parametrize("mark", [".", ","])
def test_numbers_are_those_of_the_definition(mark: str) -> None:
    draw, numbers = random.Random(mark), Numbers(decimal=mark)
    dialect = Dialect(
        "numbers",
        delimited=Delimited(";", header=False, columns=("value",)),
        numbers=numbers,
        missing=(),
        timestamp=Timestamp(columns=(), formats=()),
        device=Device(constant="d"),
        long=Long(constant_metric="m"),
    )
    texts = [spelled_numbers(draw, mark) for _ in range(rounds(20_000))]
    found = taken("".join(text + "\n" for text in texts).encode(), dialect)
    for text, value in zip([t for t in texts if t], found.values(texts), strict=True):
        if value is not None:
            defined = parse_number(text, numbers)
            assert defined is not None and struct.pack("<d", value) == struct.pack("<d", defined), text
    plain = [t for t in texts if t and t.removeprefix("-").replace(mark, "", 1).isdigit() and len(t) < 19]
    assert all(value is not None for value in taken("".join(t + "\n" for t in plain).encode(), dialect).values(plain))


def test_long_numbers_are_rounded_once() -> None:
    draw = random.Random("long")
    dialect = replace(CASES["nab"][0], timestamp=Timestamp((), ()), device=Device(constant="d"))
    texts = []
    for _ in range(rounds(60_000)):
        digits = str(draw.randrange(10**15, 10 ** draw.randrange(16, 20)))
        place = draw.randrange(1, len(digits))
        texts.append(digits[:place] + "." + digits[place:] + draw.choice(["", "", f"e{draw.randrange(-9, 28)}"]))
    found = taken("".join(f"0,{text}\n" for text in texts).encode(), dialect, names=("timestamp", "value"))
    values = found.values(texts, rest=3)
    assert sum(value is None for value in values) < len(texts) / 100
    assert [text for text, value in zip(texts, values, strict=True) if value not in (None, float(text))] == []


def iso_time(draw: random.Random) -> str:
    year, month, day = draw.choice([1, 1899, 1970, 2000, 2024, 2026, 9999]), draw.randrange(14), draw.randrange(33)
    text = f"{year:04d}-{month:02d}-{day:02d}"
    if draw.random() < 0.9:
        text += draw.choice("T  t") + f"{draw.randrange(25):02d}:{draw.choice([0, 5, 30, 59, 60]):02d}"
        if draw.random() < 0.9:
            text += f":{draw.choice([0, 1, 30, 59, 60]):02d}"
            digits = "".join(draw.choice("0123456789") for _ in range(draw.randrange(12)))
            text += draw.choice(["", "." + digits, "," + digits])
    return text + draw.choice(["", "Z", "Z", "+01:00", "-0330", "+05", "+24:00", "-23:59", "z", "+1", "+01:0"])


def pattern_time(draw: random.Random) -> str:
    day, month = draw.randrange(33), draw.randrange(14)
    text = draw.choice([f"{day}/{month}", f"{day:02d}/{month:02d}"]) + f"/{draw.choice([2025, 2026, 0, 12345])}"
    return f"{text} {draw.randrange(25)}.{draw.choice([0, 7, 59, 60]):02d}.{draw.randrange(61)}"


def compact_time(draw: random.Random) -> str:
    text = f"{draw.choice([2025, 1999])}{draw.randrange(14):02d}{draw.randrange(33):02d}T{draw.randrange(2500):04d}"
    return (
        text + "".join(draw.choice("0123456789") for _ in range(draw.randrange(11))) + draw.choice(["Z", "+0100", ""])
    )


def epoch_time(draw: random.Random) -> str:
    text = str(draw.getrandbits(draw.choice([1, 31, 41, 51, 60, 70])))
    return draw.choice(["", "", "-", "+", "00"]) + text + draw.choice(["", "", ".", ".5", ".0", ".1234567", ".0000001"])


TIME_KINDS: dict[str, tuple[Callable[[random.Random], str], str]] = {
    "iso8601": (iso_time, "iso8601"),
    "pattern": (pattern_time, "%d/%m/%Y %H.%M.%S"),
    "compact": (compact_time, "%Y%m%dT%H%M%S%f%z"),
    "epoch_s": (epoch_time, "epoch_s"),
    "epoch_ms": (epoch_time, "epoch_ms"),
    "epoch_us": (epoch_time, "epoch_us"),
    "epoch_ns": (epoch_time, "epoch_ns"),
}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns"])
@pytest.mark.parametrize("kind", TIME_KINDS)
def test_times_are_those_of_the_definition(kind: str, zone: str) -> None:
    spell, pattern = TIME_KINDS[kind]
    draw = random.Random(kind + zone)
    dialect = Dialect(
        "times",
        delimited=Delimited("|", header=False, columns=("time", "value")),
        timestamp=Timestamp(("time",), (pattern,), zone),
        device=Device(constant="d"),
        long=Long(constant_metric="m"),
    )
    reader = TimeReader(dialect.timestamp, RUN_START)
    texts = [spell(draw) for _ in range(rounds(4_000))]
    if kind == "iso8601":  # runs of one minute, as in logs
        texts += [text[:16] + f":{draw.randrange(100):02d}.{draw.randrange(10**6)}Z" for text in texts]
    found = taken("".join(text + "|1\n" for text in texts).encode(), dialect)
    good = 0
    for text, instant in zip(texts, found.instants(texts), strict=True):
        if instant is not None:
            good += 1
            assert instant == reader.read([text]), text
    assert good > len(texts) / 20


def test_minutes_that_clocks_show_twice_or_never_are_left_to_the_rules() -> None:
    dialect = replace(CASES["nab"][0], timestamp=Timestamp(time_zone="Europe/Berlin"))
    local = ["2026-03-29 01:59:59", "2026-03-29 02:00:00", "2026-03-29 02:59:59.999999", "2026-03-29 03:00:00"]
    local += ["2026-10-25 01:59:59", "2026-10-25 02:00:00", "2026-10-25 02:59:59", "2026-10-25 03:00:00"]
    found = taken("".join(f"{text},1\n" for text in local).encode(), dialect, names=("timestamp", "value"))
    certain = [instant is not None for instant in found.instants(local)]
    assert certain == [True, False, False, True, True, False, False, True]


def mutated(draw: random.Random, data: bytes) -> bytes:
    """The same with a few bytes changed, lost, doubled or moved."""
    pool = b"\",;\t\n\r\0 .-+eE0129TZ:/\\{}[]\xc3\xa9\xff'#"
    for _ in range(draw.choice([0, 0, 1, 1, 2, 5])):
        place = draw.randrange(len(data) + 1)
        kind = draw.randrange(4)
        if kind == 0:
            data = data[:place] + bytes([draw.choice(pool)]) + data[place + 1 :]
        elif kind == 1:
            data = data[:place] + bytes([draw.choice(pool)]) + data[place:]
        elif kind == 2:
            data = data[:place] + data[place + draw.randrange(1, 4) :]
        else:
            other = draw.randrange(len(data) + 1)
            data = data[:place] + data[other : other + draw.randrange(20)] + data[place:]
    return data


def random_object(draw: random.Random, name: str) -> bytes:
    dialect, fmt, header, columns = CASES[name]
    delimiter = dialect.delimited.delimiter.encode() if fmt == "delimited" else b""
    quote = dialect.delimited.quote.encode() if fmt == "delimited" else b""
    body = b""
    for _ in range(draw.randrange(30)):
        fields = [texts[0] if draw.random() < 0.6 else draw.choice(texts) for texts in columns]
        if quote and draw.random() < 0.5:
            fields = [quote + f.replace(quote, quote * 2) + quote if draw.random() < 0.7 else f for f in fields]
        body += delimiter.join(fields) + draw.choice([b"\n", b"\n", b"\n", b"\r\n", b"\r\r\n", b"\n\n"])
    body = mutated(draw, body)
    return header + (body if draw.random() < 0.7 else body.rstrip(b"\n"))


@pytest.mark.parametrize("name", CASES)
def test_mutated_objects_are_read_as_defined(name: str) -> None:
    draw, (dialect, fmt, *_) = random.Random(name), CASES[name]
    for _ in range(rounds(60)):
        content = random_object(draw, name)
        sizes = draw.choice([None, [1, 7, 64], [13]])
        narrow = replace(dialect, max_record=draw.choice([1 << 16, 300]))
        assert read(content, narrow, fmt, kernel=True, sizes=sizes) == define(content, narrow, fmt), content


REAL: dict[str, tuple[str, Format]] = {
    "sensor_community/luftdaten/5331/2019-01-17*.csv": ("sensor_community", "delimited"),
    "uci_beijing_prsa/PRSA_Data_Ding*.csv": ("prsa", "delimited"),
    "uci_household_power/two_days_crlf/*.txt": ("uci_household_power", "delimited"),
    "uci_air_quality/original_semicolon/*.csv": ("uci_air_quality", "delimited"),
    "uci_air_quality/excel_comma_bom/*.csv": ("uci_air_quality_comma", "delimited"),
    "nab/data/realKnownCause/nyc_taxi.csv": ("nab", "delimited"),
    "ncdc_hadoop_book/micro/sample.txt": ("isd", "fixed"),
}


@pytest.mark.shared_data
@pytest.mark.parametrize("pattern", REAL)
def test_mutated_real_files_are_read_as_defined(pattern: str, shared_data: Path) -> None:
    name, fmt = REAL[pattern]
    draw, dialect = random.Random(pattern), dialect_file.load(name)
    path = next(iter(sorted(shared_data.glob(pattern))))
    header, *lines = path.read_bytes().splitlines(keepends=True)
    if fmt == "fixed":
        header = b""
    for _ in range(rounds(20)):
        place = draw.randrange(len(lines))
        body = mutated(draw, b"".join(lines[place : place + draw.randrange(1, 40)]))
        content = header + (body if draw.random() < 0.8 else body.rstrip(b"\r\n"))
        cuts = draw.sample(range(len(header) + 1, len(content)), min(draw.randrange(3), len(body) - 1))
        found = read(content, dialect, fmt, kernel=True, cuts=cuts, header=header, uri=str(path))
        expected = define(content, dialect, fmt, str(path))
        if cuts:  # parts do not know how many lines were before them
            for outcome in (found, expected):
                outcome.rejects = [replace(reject, line=None) for reject in outcome.rejects]
        assert found == expected, (content, cuts)


JSON_LONG = Dialect(
    "json",
    formats=("json",),
    timestamp=Timestamp(("at.time",), ("iso8601",)),
    device=Device(columns=("device", "place"), join="/"),
    long=Long(metric="metric", value="data.value", unit="data.unit"),
    optional=("data.unit",),
    missing=("", "-200"),
)
JSON_WIDE = Dialect(
    "json",
    formats=("json",),
    timestamp=Timestamp(("ts",), ("epoch_s",)),
    device=Device(columns=("id",)),
    long=None,
    wide=(Wide("t", "temperature", "°C"), Wide("h.x", "humidity", scale=10)),
    numbers=Numbers(non_finite="missing"),
)


def random_json(draw: random.Random, wide: bool, compact: bool) -> bytes:
    value: object = draw.choice(
        [20.5, 1, -3, 1e-7, "20.5", None, True, "", -200, 1e300, "x", [], {}, float("nan"), "1e5"]
    )
    name = draw.choice(["a", "b", "dév", 'q"', "c\\d", "", 7, None, "\ud800", "𝛼"])
    if wide:
        time: object = draw.choice([1_700_000_000, 1_700_000_000.25, "1700000001", None, -1, 1e400])
        document: dict[str, object] = {"ts": time, "id": name, "t": value, "h": {"x": draw.choice([value, 55])}}
    else:
        data = {"value": value, "unit": draw.choice(["V", "", None, 1])}
        if draw.random() < 0.3:
            del data["unit"]
        time = draw.choice(["2026-03-01T00:00:01Z", "2026-03-01", "2026-03-01T00:00:60Z", None, 5])
        document = {"at": {"time": time, "by": "x"}, "device": name, "place": "p", "metric": "m", "data": data}
    if draw.random() < 0.2:
        document[draw.choice(["z", "metric", "ts"])] = draw.choice([[1], "\x7f", "é", {"a": 1}, False])
    separators = (",", ":") if compact else (", ", ": ")
    line = json.dumps(document, separators=separators, ensure_ascii=draw.random() < 0.5)
    raw = line.encode("utf-8", "surrogatepass")
    return mutated(draw, raw).replace(b"\n", b" ") if draw.random() < 0.3 else raw


@pytest.mark.parametrize("dialect", [JSON_LONG, JSON_WIDE], ids=["long", "wide"])
@pytest.mark.parametrize("compact", [True, False])
def test_json_lines_are_read_as_defined(dialect: Dialect, compact: bool) -> None:
    draw = random.Random(dialect.name + str(compact))
    records = JsonRecords(dialect, "object.json", RUN_START)
    for _ in range(rounds(30)):
        lines = [random_json(draw, dialect is JSON_WIDE, compact) for _ in range(20)]
        first = b'{"a":1}'  # so that the object is one of lines
        content = b"\n".join([first, *[first] * 20, *lines]) + draw.choice([b"", b"\n", b"\r\n"])
        expected = Outcome()
        offset = 0
        for number, raw in enumerate(content.split(b"\n"), 1):
            line = raw.removesuffix(b"\r")
            if line:
                record = parse_json_line(line, records)
                expected.lines += 1
                expected.take(offset, record)
                expected.rejects += [
                    Reject(offset, number, r.reason, r.column, line[:TEXT_LIMIT]) for r in record.rejects
                ]
            offset += len(raw) + 1
        expected.absent.sort(key=str)
        assert read(content, dialect, "json", kernel=True, uri="object.json") == expected, content


def test_machine_written_json_is_taken_by_the_kernel() -> None:
    draw = random.Random(3)
    lines = []
    for number in range(4_000):
        document: dict[str, object] = {
            "timestamp": f"2026-03-01T{number % 24:02d}:00:00.5Z",
            "device_id": f"dév {number % 7} 𝛼",  # which json.dumps writes with escapes
        }
        document |= {
            "metric": draw.choice(["a", "b"]),
            "value": draw.uniform(-1, 1),
            "ok": draw.choice([True, False, None]),
        }
        if number % 3 == 0:  # some writers leave fields out
            document["unit"] = "°C"
        lines.append(json.dumps(document))
    sink = Sink(new_keys(True), Tally(), lambda _: None, RUN_START)
    source = io.BytesIO("\n".join(lines).encode())
    for _ in read_part(source, Part("object.json"), dialect_file.load("default"), "json", sink):
        pass
    assert sink.tally.readings == sink.tally.lines == 4_000
    assert sink.tally.kernel_lines >= 0.99 * sink.tally.lines
