import math

from hypothesis import assume, given
from hypothesis import strategies as st

from ayar.report.line_chart import line_chart, nice_ticks

finite = st.floats(-1e6, 1e6)


@given(low=finite, span=st.floats(1e-3, 1e6), most=st.integers(2, 8))
def test_ticks_are_round_and_cover_the_range(low: float, span: float, most: int) -> None:
    high = low + span
    assume(high > low)
    ticks = nice_ticks(low, high, most)
    assert 1 <= len(ticks) <= most + 2
    assert ticks[0] <= low + 1e-6 * span
    assert ticks[-1] <= high + 1e-6 * span
    if len(ticks) > 1:
        step = ticks[1] - ticks[0]
        assert high - ticks[-1] < step * (1 + 1e-6)
        mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
        assert min(abs(mantissa - round_one) for round_one in (1, 2, 5, 10)) < 1e-3 * mantissa


@given(points=st.lists(st.floats(-1e6, 1e30) | st.sampled_from([math.nan, math.inf, -math.inf]), max_size=700))
def test_draws_any_losses_within_the_frame(points: list[float]) -> None:
    chart = line_chart(list(enumerate(points, start=1)), [], "loss")
    for name in ("nan", "inf"):
        assert name not in str(chart.svg)
    assert all(-1e-6 <= tick.at <= 100 + 1e-6 for tick in [*chart.x_ticks, *chart.y_ticks])


def test_a_long_run_is_thinned_to_means() -> None:
    chart = line_chart([(step, float(step % 2)) for step in range(1, 1201)], [], "loss")
    curve = str(chart.svg).split('points="')[1].split('"')[0].split()
    assert len(curve) == 2 * 300


def test_description_is_escaped() -> None:
    assert '"><b>' not in str(line_chart([(1, 1.0), (2, 0.5)], [(2, 0.7)], '"><b>').svg)
