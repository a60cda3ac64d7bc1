from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayar.data.split import SplitSettings, split
from ayar.errors import DataError
from tests.data.tables import classified, reasons, table


@given(sizes=st.lists(st.integers(2, 40), min_size=2, max_size=5), fraction=st.sampled_from([0.05, 0.1, 0.3, 0.9]), seed=st.integers(0, 99))
def test_every_class_is_on_both_sides_in_its_share(sizes: list[int], fraction: float, seed: int) -> None:
    rows = [(f"{label} {number}", f"class {label}") for label, size in enumerate(sizes) for number in range(size)]
    stage = split(classified(*rows), SplitSettings(test_fraction=fraction), "classify", seed)
    assert reasons(stage) == {}
    sides = Counter(zip(stage.kept["label"].to_pylist(), stage.kept["split"].to_pylist(), strict=True))
    for label, size in enumerate(sizes):
        assert sides[f"class {label}", "test"] == min(max(1, round(size * fraction)), size - 1)
        assert sides[f"class {label}", "train"] >= 1


def test_equal_texts_stay_on_one_side() -> None:
    rows = [{"text": f"Text {number % 7}{'!' * (number // 7)}"} for number in range(28)]
    for seed in range(10):
        kept = split(table("complete", rows), SplitSettings(test_fraction=0.3), "complete", seed).kept
        sides = {text[:6]: side for text, side in zip(kept["text"].to_pylist(), kept["split"].to_pylist(), strict=True)}
        assert all(sides[text[:6]] == side for text, side in zip(kept["text"].to_pylist(), kept["split"].to_pylist(), strict=True))
        assert {"train", "test"} == set(sides.values())


def test_seed_decides_and_the_limit_holds() -> None:
    rows = classified(*[(f"text {number}", "ab"[number % 2]) for number in range(400)])
    one, same, other = (split(rows, SplitSettings(), "classify", seed).kept["split"].to_pylist() for seed in (1, 1, 2))
    assert one == same != other
    limited = split(rows, SplitSettings(test_fraction=0.5, max_test_rows=20), "classify", 0)
    assert limited.report["split"] == {"train": 380, "test": 20}


def test_one_text_only_cannot_be_split() -> None:
    with pytest.raises(DataError, match="same text"):
        split(table("complete", [{"text": "a b"}, {"text": "A b!"}]), SplitSettings(), "complete", 0)
