"""The scripts in examples/ run, and do what they say."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name: str) -> Any:
    spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ops_in_a_loop_learn(capsys: pytest.CaptureFixture[str]) -> None:
    losses = load("ops_in_your_loop").main(steps=40)
    assert losses[-1] < losses[0] / 3
    assert "step  39  loss" in capsys.readouterr().out


def test_an_adapter_alone_learns() -> None:
    losses = load("ops/lora_linear").main()
    assert losses[-1] < 0.01 * losses[0]


@pytest.mark.parametrize("name", ["rms_norm", "swiglu_mlp", "attention_varlen", "linear_cross_entropy"])
def test_an_op_alone_gives_what_torch_gives(name: str) -> None:
    assert 0 < load(f"ops/{name}").main() < 1e-5


def test_accelerated_model_has_the_same_loss(capsys: pytest.CaptureFixture[str]) -> None:
    before, after = load("accelerate_transformers").main()
    assert after == pytest.approx(before, rel=2e-3)
    out = capsys.readouterr().out
    assert "Ayar computes: 9 × rms_norm" in out
    assert "left as before" not in out
