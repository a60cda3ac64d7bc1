"""Numbers as people write them."""

import math

from markupsafe import Markup, escape

MINUS = "\N{MINUS SIGN}"
_SPACE = "\N{NO-BREAK SPACE}"  # a number keeps its unit


def count(number: float) -> str:
    """1234567 → 1,234,567"""
    return f"{number:,.0f}".replace("-", MINUS)


def percent(fraction: float) -> str:
    """0.314 → 31.4 %"""
    return f"{100 * fraction:.1f}{_SPACE}%".replace("-", MINUS)


def change(before: float, after: float) -> str:
    """The relative change: 20 → 21 is +5.0 %."""
    if not (math.isfinite(before) and math.isfinite(after)) or before == 0:
        return "not finite"
    ratio = after / before - 1
    return f"{ratio:+.1%}".replace("-", MINUS).replace("%", f"{_SPACE}%")


def decimal(number: float) -> str:
    """Three or four digits that count: 0.0123, 1.23, 12.3, 123, 1,234."""
    if not math.isfinite(number):
        return "not finite"
    size = abs(number)
    if size >= 100:
        return count(number)
    digits = 1 if size >= 10 else 2 if size >= 1 or size == 0 else min(6, 2 - math.floor(math.log10(size)))
    return f"{number:.{digits}f}".replace("-", MINUS)


def duration(seconds: float) -> str:
    """0.4 s, 12 s, 2 min 5 s, 2 h 10 min"""
    if seconds < 9.95:
        return f"{seconds:.1f}{_SPACE}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{_SPACE}s"
    if whole < 3600:
        return f"{whole // 60}{_SPACE}min {whole % 60}{_SPACE}s"
    return f"{whole // 3600}{_SPACE}h {whole % 3600 // 60}{_SPACE}min"


def words(name: str) -> str:
    """A snake_case name as words: near_duplicate → near duplicate."""
    return name.replace("_", " ")


def breakable(label: str) -> Markup:
    """A label that may break after its underscores where the line is too short."""
    return Markup("_<wbr>").join(escape(part) for part in label.split("_"))
