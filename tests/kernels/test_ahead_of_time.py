# pyright: reportMissingImports=false
"""Every Triton kernel compiled for each chip, exactly as training launches it; what the machine code must not and must have."""

import json
from collections.abc import Callable

import pytest

pytest.importorskip("triton", reason="Triton is not installed: pip install 'ayar[gpu]'")

from ayar.kernels.ahead_of_time import Compiled, Launch, compile_for, recorded_launches
from ayar.kernels.chip import CHIPS, pretend
from tests.kernels.shipped import MEMORY_BOUND, MODELS, TENSOR_CORES, launch_attention, launch_layer, launch_products

COMPILED_FOR = [80, 89, 90, 100, 120]


def launches_on(capability: int) -> list[Launch]:
    with pretend(CHIPS[capability]), recorded_launches() as launches:
        launch_layer(MODELS["Llama-3-8B"], 2048)
        launch_layer(MODELS["Gemma-2-2B"], 2048)
        for model in MODELS.values():
            launch_attention(model, 2048)
        launch_attention(MODELS["Llama-3-8B"], 2047)  # not a multiple of 16: another specialisation
        launch_products(MODELS["Llama-3-8B"], 2048)
        launch_products(MODELS["SmolLM2-135M"], 13)
    return list(launches)


@pytest.mark.slow
@pytest.mark.parametrize("capability", COMPILED_FOR)
def test_every_launch_fits_the_chip(capability: int, record_property: Callable[[str, object], None]) -> None:
    chip = CHIPS[capability]
    faults, passed = {}, {}
    for launch in launches_on(capability):
        compiled = compile_for(launch, chip)
        has_adapter = dict(launch.constants).get("RANK", 16) > 0
        found = compiled.faults(chip, launch.name in TENSOR_CORES and has_adapter, launch.name in MEMORY_BOUND)
        if found:
            faults[f"{launch.name} {dict(launch.constants)} {dict(launch.options)}"] = found
        registers, shared = passed.get(launch.name, (0, 0))
        passed[launch.name] = max(registers, compiled.registers), max(shared, compiled.shared)
    for name, (registers, shared) in passed.items():
        record_property("compiled", json.dumps([name, capability, registers, shared]))
    assert not faults, "\n".join(f"{launch}: {', '.join(found)}" for launch, found in faults.items())


def test_faults_are_seen() -> None:
    found = Compiled(255, 48, 200 * 1024, "LDG.E.64 R1").faults(CHIPS[120], needs_tensor_cores=True, needs_wide_loads=True)
    assert len(found) == 4
    good = Compiled(64, 0, 1024, "LDGSTS.E.BYPASS.128 [R1]\nHMMA.16816.F32 R1").faults(CHIPS[120], True, True)
    assert good == []


def test_a_launch_is_recorded_as_it_would_be_specialised() -> None:
    launches = launches_on(120)
    first = launches[0]
    odd = next(launch for launch in launches if launch.name == "attention_forward" and launch.divisible.count(8) == 0)
    types, constants = dict(first.types), dict(first.constants)
    assert (types["x_ptr"], types["weight_ptr"], types["eps"], types["RANK"]) == ("*bf16", "*fp32", "fp32", "constexpr")
    assert constants["BLOCK_M"] == 16
    assert "rank" not in {first.types[position][0] for position in first.divisible} or dict(first.types)["rank"] == "i32"
    assert odd.types[8][0] == "tokens"
