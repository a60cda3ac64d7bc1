"""The loss curve as inline SVG. It stretches with the page: lines keep their width, labels are HTML and keep their size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ayar.report.numbers import MINUS

Point = tuple[float, float]
_MOST_POINTS = 300


@dataclass(frozen=True)
class Tick:
    """at: percent of the axis, from the left or from the top."""

    at: float
    text: str


@dataclass(frozen=True)
class LineChart:
    svg: Markup
    x_ticks: list[Tick]
    y_ticks: list[Tick]


def line_chart(line: Sequence[Point], marks: Sequence[Point], description: str) -> LineChart:
    """``line`` drawn through, ``marks`` as joined dots; x ascends. Points that are not finite are left out."""
    line, marks = _thinned(_finite(line)), _finite(marks)
    everything = [*line, *marks]
    if not everything:
        return LineChart(Markup(""), [], [])
    x_range = _padded(min(0.0, min(x for x, _ in everything)), max(x for x, _ in everything))
    y_steps = nice_ticks(min(0.0, min(y for _, y in everything)), max(y for _, y in everything), 5)
    y_range = _padded(y_steps[0], max(y_steps[-1], max(y for _, y in everything)))

    def place(point: Point) -> str:
        return f"{_share(point[0], x_range):.2f} {100 - _share(point[1], y_range):.2f}"

    x_steps = [step for step in nice_ticks(*x_range, 5) if x_range[0] <= step <= x_range[1] and step == int(step)]
    grid = [Markup('<path class="grid" d="M0 {y}H100"/>').format(y=f"{100 - _share(y, y_range):.2f}") for y in y_steps]
    dots = [Markup('<path class="dot" d="M{at}h0"/>').format(at=place(point)) for point in marks]
    parts = [*grid, _curve("curve", [place(p) for p in line]), _curve("marks", [place(p) for p in marks]), *dots]
    svg = Markup('<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{label}">{parts}</svg>')
    return LineChart(
        svg.format(label=description, parts=Markup("").join(parts)),
        [Tick(_share(x, x_range), f"{x:,.0f}") for x in x_steps],
        [Tick(100 - _share(y, y_range), f"{y:.6g}".replace("-", MINUS)) for y in y_steps],
    )


def nice_ticks(low: float, high: float, most: int) -> list[float]:
    """At most ``most`` + 1 round values (1, 2 or 5 times a power of ten apart) that cover low to high from below."""
    span = high - low
    if not span > 0:
        return [low]
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _curve(name: str, places: Sequence[str]) -> Markup:
    return (
        Markup('<polyline class="{name}" points="{places}"/>').format(name=name, places=" ".join(places)) if len(places) > 1 else Markup("")
    )


def _finite(points: Sequence[Point]) -> list[Point]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Means over equal runs of points, where there are more than a screen shows."""
    run = -(-len(points) // _MOST_POINTS)
    if run <= 1:
        return list(points)
    groups = [points[start : start + run] for start in range(0, len(points), run)]
    return [(sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups]


def _padded(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _share(value: float, whole: tuple[float, float]) -> float:
    return 100 * (value - whole[0]) / (whole[1] - whole[0])
