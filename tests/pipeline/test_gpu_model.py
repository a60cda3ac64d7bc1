"""The predicted time of a step: against bytes and FLOPs worked out by hand, and against what must hold whatever the numbers."""

import dataclasses

import pytest

from ayar.pipeline import gpu_model
from ayar.pipeline.gpu_model import GPUS, LLAMA_3_8B, Batch, Work

BATCH = Batch(4, 2048, 8192)


def by_name(engine: gpu_model.Engine) -> dict[str, tuple[float, float]]:
    sums: dict[str, tuple[float, float]] = {}
    for work in engine(LLAMA_3_8B, BATCH, 16, GPUS["h100"]):
        flops, moved = sums.get(work.name, (0.0, 0.0))
        sums[work.name] = flops + work.flops, moved + work.bytes
    return sums


def test_a_kernel_takes_the_longer_of_its_two_limits() -> None:
    gpu = GPUS["a100"]
    assert Work("x", 0.8 * 312e12, 1).seconds(gpu) == pytest.approx(1)
    assert Work("x", 1, 2039e9).seconds(gpu) == pytest.approx(1)


def test_counts_equal_those_worked_out_by_hand() -> None:
    # 6.979 G weights in the projections of 32 layers; forward and dx: 2 · 2 · weights · 8192 tokens.
    assert LLAMA_3_8B.linear_weights() == 6_979_321_856
    assert by_name(gpu_model.peft)["frozen products"][0] == pytest.approx(4 * 6_979_321_856 * 8192)
    assert by_name(gpu_model.peft)["head"][0] == pytest.approx(4 * 4096 * 128256 * 8192)
    assert by_name(gpu_model.peft)["attention"][0] == pytest.approx(4.4e12 + 11e12, rel=0.01)
    # Σ N = 43,008 and Σ K = 38,912 a layer; 56 N + 30 K and 20 N + 12 K bytes a token.
    assert by_name(gpu_model.peft)["adapters"][1] == pytest.approx(32 * 8192 * (56 * 43_008 + 30 * 38_912))
    assert by_name(gpu_model.liger)["adapters"][1] == pytest.approx(32 * 8192 * (20 * 43_008 + 12 * 38_912))
    assert by_name(gpu_model.peft)["adapters"][0] == pytest.approx(6 * 16 * 32 * (43_008 + 38_912) * 8192)


def test_our_extra_bytes_are_two_passes_and_the_partial_sums() -> None:
    ratio, extra = gpu_model.lora_over_frozen(GPUS["h100"])
    assert 2 * 4096 + 2 * 4096 <= extra <= 2.6 * 4096 + 2.2 * 4096
    assert 1 < ratio < 1.08


@pytest.mark.parametrize("name", GPUS)
def test_order_of_the_engines(name: str) -> None:
    seconds = [gpu_model.step_seconds(engine, LLAMA_3_8B, BATCH, 16, GPUS[name]) for engine in gpu_model.ENGINES]
    assert seconds == sorted(seconds, reverse=True), "peft, Liger, Unsloth, ours"


def test_fewer_labelled_rows_and_a_faster_card_take_less() -> None:
    whole = gpu_model.step_seconds(gpu_model.ayar, LLAMA_3_8B, BATCH, 16, GPUS["h100"])
    assert gpu_model.step_seconds(gpu_model.ayar, LLAMA_3_8B, dataclasses.replace(BATCH, labelled=2000), 16, GPUS["h100"]) < whole
    assert gpu_model.step_seconds(gpu_model.ayar, LLAMA_3_8B, BATCH, 16, GPUS["a100"]) > whole
