import pytest

from ayar.train.schedule import learning_rate
from tests.train.setup import settings


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
@pytest.mark.parametrize("total", [1, 2, 7, 100])
@pytest.mark.parametrize("warmup_ratio", [0.0, 0.1, 1.0])
def test_rates_rise_then_fall_and_are_never_zero(schedule: str, total: int, warmup_ratio: float) -> None:
    chosen = settings(schedule=schedule, warmup_ratio=warmup_ratio, learning_rate=0.01)
    rates = [learning_rate(step, total, chosen) for step in range(total)]
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert max(rates) == pytest.approx(0.01)
    assert min(rates) > 0


def test_known_points() -> None:
    cosine = settings(schedule="cosine", warmup_ratio=0.1, learning_rate=1e-2)
    assert learning_rate(0, 100, cosine) == pytest.approx(1e-3)
    assert learning_rate(9, 100, cosine) == pytest.approx(1e-2)
    assert learning_rate(55, 100, cosine) == pytest.approx(5e-3)
    linear = settings(schedule="linear", warmup_ratio=0.0, learning_rate=1e-2)
    assert learning_rate(75, 100, linear) == pytest.approx(2.5e-3)
