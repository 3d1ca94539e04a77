"""Dialects and texts for property tests: what logs hold, what they should not, and bytes of any kind."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from jobs.readings import dialect_file
from jobs.readings.dialect import Dialect, Format

Case = tuple[Dialect, Format, bytes, list[list[bytes]]]
"""A dialect, its format, a header, and for each column the texts that fill it."""

TIMES = [
    b"2026-03-01T00:00:00.000Z",
    b"2026-03-01T23:59:59.999Z",
    b"2026-03-01T12:30:15.123456Z",
    b"2026-03-01T12:30:15.123456789Z",
    b"2026-03-01T12:30:15,5+01:00",
    b"2026-03-01 12:30:15",
    b"2026-03-01 12:30",
    b"2026-03-01T12:30Z",
    b"2026-03-01",
    b"2026-02-29T00:00:00Z",
    b"2024-02-29T00:00:00Z",
    b"1900-02-29T00:00:00Z",
    b"2016-12-31T23:59:60Z",
    b"2016-12-31T23:59:60.123Z",
    b"2016-12-31T24:00:00Z",
    b"2016-12-31T23:60:00Z",
    b"1899-12-31T23:59:59Z",
    b"9999-12-31T23:59:59Z",
    b"0000-01-01T00:00:00Z",
    b"2026-03-29 02:30:00",
    b"2026-10-25 02:30:00",
    b"2026-13-01T00:00:00Z",
    b"2026-00-10T00:00:00Z",
    b"2026-03-01t00:00:00z",
    b"2026-03-01T00:00:00-23:59",
    b"2026-03-01T00:00:00+24:00",
    b"2026-03-01T00:00:00+0130",
    b"2026-03-01T00:00:00+01",
    b" 2026-03-01",
    b"",
    "２026-03-01".encode(),
]
NUMBERS = [
    *(b"1", b"-0", b"+12.5", b"1.", b".5", b".", b"1e5", b"1E-400", b"1e400", b"-1e999", b"0x10", b"1_0", b" 1", b"1 "),
    *(
        b"nan",
        b"NaN",
        b"inf",
        b"-Infinity",
        b"",
        b"NA",
        b"?",
        b"-200",
        b"999.9",
        b"1,5",
        b"1.234,5",
        b"1,234.5",
        b"12,34",
    ),
    *(
        b"00012",
        b"5e-324",
        b"1.7976931348623157e308",
        b"1.7976931348623159e308",
        b"0.1",
        b"20.40",
        b"--1",
        b"1e",
        b"1-2",
    ),
    *("٣".encode(), b"\xff", b"1\x00", b"123456789012345678901234567890.5", b"2.2250738585072014e-308", b"++5", b"1+1"),
]
NAMES = [
    b"a",
    b"dev-1",
    b"dev-2",
    b"",
    b" a",
    b"a ",
    "é".encode(),
    "𝛼".encode(),
    b"\xe9",
    b"\x81",
    b"x\x00y",
    b"\xef\xbb\xbfa",
]
EPOCHS = [
    *(b"1772323200", b"1772323200.5", b"1772323200.1234567", b"-1", b"-0.0000001", b"0", b"1.", b".5", b"1e9"),
    *(b"1772323200123", b"1772323200123456", b"1772323200123456789", b"99999999999999999999", b"0001772323200", b"+1"),
]
_DATES = [
    b"16/12/2006",
    b"1/2/2007",
    b"01/2/2007",
    b"1/12/2007",
    b"31/4/2007",
    b"29/2/2008",
    b"29/2/2007",
    b"",
    b"1/2/07",
]
_CLOCKS = [b"17:24:00", b"0:00:00", b"23:59:60", b"23:59:59", b"24:00:00", b"1:2:3", b"17.24.00", b"", b"x"]
_DOTTED = [clock.replace(b":", b".") for clock in _CLOCKS if clock != b"17.24.00"] + [b"17:24:00"]

_OWN = {
    "newlines": """
[delimited]
newline_in_quotes = true
comment = "#"
""",
    "blanks": """
optional = ["unit"]
missing = ["", "NA"]
[delimited]
delimiter = ";"
strip_blanks = true
skip_rows = 2
comment = "//"
trailing_blanks = 1
[numbers]
decimal = ","
thousands = "."
non_finite = "missing"
[timestamp]
time_zone = "Europe/Berlin"
ambiguous = "reject"
nonexistent = "reject"
[long]
unit = "unit"
units = { a = "V" }
[missing_by_metric]
a = ["-200", "1"]
"dev-1" = ["1"]
[quality]
column = "quality"
accept = ["a", "", "é"]
""",
    "codepage": """
missing = ["", "–"]
[delimited]
delimiter = "\\t"
quote = "'"
encoding = "cp1252"
[timestamp]
time_zone = "America/New_York"
ambiguous = "later"
[device]
columns = ["device_id", "metric"]
join = "é"
[quality]
column = "quality"
""",
    "epochs": """
[delimited]
quote = ""
header = false
columns = ["time", "device_id", "value"]
[timestamp]
columns = ["time"]
formats = ["epoch_s"]
[long]
constant_metric = "m"
""",
    "millis": """
[delimited]
header = false
columns = ["time", "device_id", "value"]
[timestamp]
columns = ["time"]
formats = ["epoch_ms"]
[long]
constant_metric = "m"
""",
    "nanos": """
[delimited]
header = false
columns = ["time", "device_id", "value"]
[timestamp]
columns = ["time"]
formats = ["epoch_ns"]
[long]
constant_metric = "m"
""",
    "timeless": """
timestamp = "none"
missing = [""]
[delimited]
header = false
columns = ["a", "b"]
blank_rows = "skip"
[device]
constant = "d"
[[wide]]
column = "a"
metric = "m"
unit = "V"
[[wide]]
column = "b"
metric = "m"
""",
    "columns": """
formats = ["fixed"]
[fixed]
strip_blanks = true
comment = "#"
columns = [
    { name = "timestamp", start = 0, width = 10 },
    { name = "device_id", start = 10, width = 3 },
    { name = "v", start = 13, width = 4 },
    { name = "q", start = 18, width = 1 },
]
[[wide]]
column = "v"
metric = "v"
scale = 10
missing = ["9999"]
quality = "q"
accept = ["1", ""]
""",
}
OWN = {name: dialect_file.parse(text, f"{name}.toml") for name, text in _OWN.items()}

_LONG = [TIMES, NAMES, NAMES, NUMBERS]
_SHORT = [EPOCHS, NAMES, NUMBERS]
_HOUSEHOLD = [_DATES, _CLOCKS, *[NUMBERS] * 7]
_AIR = [_DATES, _DOTTED, *[NUMBERS] * 13]
_AIR_HEADER = b"Date,Time,CO(GT),PT08.S1(CO),NMHC(GT),C6H6(GT),PT08.S2(NMHC),NOx(GT),PT08.S3(NOx),NO2(GT)"
_AIR_HEADER += b",PT08.S4(NO2),PT08.S5(O3),T,RH,AH"
_SENSOR_HEADER = b"sensor_id;sensor_type;location;lat;lon;timestamp;P1;durP1;ratioP1;P2;durP2;ratioP2\n"
_SENSOR = [NAMES, [b"SDS011"], [b"1"], [b"57.1"], [b"-2.1"], TIMES, *[NUMBERS] * 6]
_HOUSEHOLD_HEADER = b"Date;Time;Global_active_power;Global_reactive_power;Voltage;Global_intensity;"
_HOUSEHOLD_HEADER += b"Sub_metering_1;Sub_metering_2;Sub_metering_3\n"
_PRSA_HEADER = b'"No","year","month","day","hour","PM2.5","PM10","SO2","NO2","CO","O3","TEMP","PRES","DEWP","RAIN",'
_PRSA_HEADER += b'"wd","WSPM","station"\r\n'
_YEARS, _SMALL = [b"2013", b"2016", b"13", b""], [b"1", b"2", b"12", b"29", b"30", b"31", b"0", b"23", b"24", b"", b"x"]
_PRSA = [[b"1"], _YEARS, _SMALL, _SMALL, _SMALL, *[NUMBERS] * 10, NAMES, NUMBERS, NAMES]
_ISD = [
    b"0067011990999991950051507004+68750+023550FM-12+038299999V0203301N00671220001CN9999999N9+00001+99999999999",
    b"0043011990999991950051518004+68750+023550FM-12+038299999V0203201N00261220001CN9999999N9-00111+99999999999",
    b"0043011990999991950051524004+68750+023550FM-12+038299999V0203201N00261220001CN9999999N9-00112+00101101321xyz",
]
_FIXED = [
    *(b"2026-03-01dev  12 1", b"2026-03-01a  9999 1", b"2026-03-01b  -3.5 2 more", b"2026-13-01a     1 1", b"2026"),
    *(b"2026-03-01      1 1", b"2026-03-01\xff\xff\xff 1  1", b"2026-03-01c  1e99 ", b"2026-03-01c   nan 1"),
]

CASES: dict[str, Case] = {
    "default": (dialect_file.load("default"), "delimited", b"timestamp,device_id,metric,value\n", _LONG),
    "default, all columns": (
        dialect_file.load("default"),
        "delimited",
        b"\xef\xbb\xbfquality,value,unit,extra,metric,device_id,timestamp\r\n",
        [NAMES, NUMBERS, NAMES, NAMES, NAMES, NAMES, TIMES],
    ),
    "newlines": (OWN["newlines"], "delimited", b"#c\n\ntimestamp,device_id,metric,value\n", _LONG),
    "blanks": (
        OWN["blanks"],
        "delimited",
        b"skipped\n\n// comment\n timestamp;device_id;metric;value;unit;quality;\r\n",
        [*_LONG, NAMES, NAMES, [b"", b"", b" ", b"x"]],
    ),
    "codepage": (OWN["codepage"], "delimited", b"timestamp\tdevice_id\tmetric\tvalue\tquality\n", [*_LONG, NAMES]),
    "epochs": (OWN["epochs"], "delimited", b"", _SHORT),
    "millis": (OWN["millis"], "delimited", b"", _SHORT),
    "nanos": (OWN["nanos"], "delimited", b"", _SHORT),
    "timeless": (OWN["timeless"], "delimited", b"", [NUMBERS, NUMBERS]),
    "columns": (OWN["columns"], "fixed", b"", [_FIXED]),
    "sensor_community": (dialect_file.load("sensor_community"), "delimited", _SENSOR_HEADER, _SENSOR),
    "uci_household_power": (dialect_file.load("uci_household_power"), "delimited", _HOUSEHOLD_HEADER, _HOUSEHOLD),
    "uci_air_quality": (
        dialect_file.load("uci_air_quality"),
        "delimited",
        _AIR_HEADER.replace(b",", b";") + b";;\r\n",
        [*_AIR, [b""], [b""]],
    ),
    "uci_air_quality_comma": (dialect_file.load("uci_air_quality_comma"), "delimited", _AIR_HEADER + b"\r\n", _AIR),
    "prsa": (dialect_file.load("prsa"), "delimited", _PRSA_HEADER, _PRSA),
    "nab": (dialect_file.load("nab"), "delimited", b"timestamp,value\n", [TIMES, NUMBERS]),
    "isd": (dialect_file.load("isd"), "fixed", b"", [_ISD]),
}

_ENDS = [b"\n", b"\n", b"\n", b"\r\n", b"\r\r\n", b"\n\n", b"\r\n\r\n", b"\n#c\n", b"\n//c\r\n", b""]
_DAMAGE = [b'"', b'""', b'","', b"\n", b"\r", b"\0", b",", b";", b"\t", b"'", b"\xff", b'"\n"', b" ", b"#", b"//"]


def large_object(case: Case, size: int, seed: int, share: float = 0.1) -> bytes:
    """A header and `size` records: runs of good ones, and in between a share of records of any kind."""
    dialect, fmt, header, columns = case
    pick = random.Random(seed)
    delimiter = dialect.delimited.delimiter.encode() if fmt == "delimited" else b""
    lines = [header]
    for _ in range(size):
        odd = pick.random() < share
        line = delimiter.join(pick.choice(texts) if odd and pick.random() < 0.3 else texts[0] for texts in columns)
        if odd and pick.random() < 0.3:
            place = pick.randrange(len(line) + 1)
            line = line[:place] + pick.choice(_DAMAGE) + line[place:]
        lines.append(line + (pick.choice(_ENDS) if odd else b"\n"))
    return b"".join(lines)


@st.composite
def objects(draw: st.DrawFn, case: Case) -> bytes:
    """An object: the header, then records, mostly good ones; some quoted, some damaged, at last perhaps no newline."""
    dialect, fmt, header, columns = case
    delimiter = dialect.delimited.delimiter.encode() if fmt == "delimited" else b""
    quote = dialect.delimited.quote.encode()

    def record() -> bytes:
        fields = []
        for texts in columns:
            usual = draw(st.integers(0, 9)) > 0
            text = texts[0] if usual and draw(st.booleans()) else draw(st.sampled_from(texts))
            if quote and fmt == "delimited" and (delimiter in text or draw(st.integers(0, 5)) == 0):
                text = quote + text.replace(quote, quote * 2) + quote
            fields.append(text)
        line = delimiter.join(fields)
        if draw(st.integers(0, 7)) == 0:
            place = draw(st.integers(0, len(line)))
            line = line[:place] + draw(st.sampled_from(_DAMAGE)) + line[place + draw(st.integers(0, 2)) :]
        return line

    lines = [record() + draw(st.sampled_from(_ENDS)) for _ in range(draw(st.integers(0, 12)))]
    if draw(st.integers(0, 9)) == 0:
        lines.insert(draw(st.integers(0, len(lines))), draw(st.binary(max_size=60)))
    body = b"".join(lines)
    return header + (body.removesuffix(b"\n") if draw(st.booleans()) else body)
