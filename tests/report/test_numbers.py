import math

import pytest

from ayar.report import numbers

SPACE, MINUS = "\N{NO-BREAK SPACE}", "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.00"),
        (0.01234, "0.0123"),
        (0.9999, "1.000"),
        (1.005, "1.00"),
        (12.34, "12.3"),
        (123.4, "123"),
        (12345.6, "12,346"),
        (-1.5, f"{MINUS}1.50"),
        (math.inf, "not finite"),
        (math.nan, "not finite"),
        (1e-9, "0.000000"),
    ],
)
def test_decimal(value: float, text: str) -> None:
    assert numbers.decimal(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (125, "2 min 5 s"),
        (3599.6, "1 h 0 min"),
        (7800, "2 h 10 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert numbers.duration(seconds) == text.replace(" ", SPACE).replace(f"min{SPACE}", "min ").replace(f"h{SPACE}", "h ")


def test_change() -> None:
    assert numbers.change(20, 21) == f"+5.0{SPACE}%"
    assert numbers.change(20, 19) == f"{MINUS}5.0{SPACE}%"
    assert numbers.change(20, 20) == f"+0.0{SPACE}%"
    assert numbers.change(0, 1) == numbers.change(1, math.inf) == "not finite"


def test_counts_and_percent() -> None:
    assert numbers.count(1234567) == "1,234,567"
    assert numbers.percent(0.3141) == f"31.4{SPACE}%"
    assert numbers.percent(-0.5) == f"{MINUS}50.0{SPACE}%"


def test_breakable_escapes() -> None:
    assert numbers.breakable("lost_card_<b>") == "lost_<wbr>card_<wbr>&lt;b&gt;"
