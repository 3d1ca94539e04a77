from __future__ import annotations

import pytest

from jobs.partials.quantiles import parse_error, parse_quantiles, quantile_name


def test_options() -> None:
    assert parse_quantiles("0.5, 0.95,1") == [0.5, 0.95, 1.0]
    assert parse_error("0.001") == 0.001


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", '"" is no number'),
        ("0.5,x", '"x" is no number'),
        ("0.5,0.50", "named twice"),
        ("1.1", "from 0 to 1"),
        ("-0.1", "from 0 to 1"),
        ("nan", "from 0 to 1"),
        ("0.1234567891", "up to 9 decimals"),
    ],
)
def test_quantiles_that_cannot_be(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_quantiles(text)


@pytest.mark.parametrize("text", ["", "1 %", "0", "0.5", "nan"])
def test_errors_that_cannot_be(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        parse_error(text)


def test_names_are_plain_decimals() -> None:
    names = [quantile_name(q) for q in (0.0, 0.5, 0.95, 0.999999999, 0.00001, 1.0)]
    assert names == ["q0", "q0.5", "q0.95", "q0.999999999", "q0.00001", "q1"]
