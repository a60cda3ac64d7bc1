"""Which modules of a model our ops compute, found by what they are and proved by trying them on a few numbers."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ayar.acceleration.frozen_linear import DTYPES, Packed, adapter_of, is_plain_now, plain_linear, project, refusal
from ayar.acceleration.report import Accelerated
from ayar.ops import geglu, rms_norm, swiglu, swiglu_mlp


def take_norms(model: nn.Module, report: Accelerated) -> None:
    """Every RMSNorm, whether it scales by its weight or by 1 + weight."""
    for name, module in model.named_modules():
        if not type(module).__name__.endswith("RMSNorm"):
            continue
        reason = _norm_refusal(module)
        offset = _norm_offset(module) if reason is None else None
        if offset is None:
            report.leave(name, reason or "it computes something else than RMSNorm")
        else:
            report.take(name, module, "rms_norm", _norm_forward(module, offset))


def _norm_refusal(module: Any) -> str | None:
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor) or _eps(module) is None:
        return "it has no weight or no eps"
    if weight.dtype not in DTYPES or weight.device.type != "cpu":
        return f"its weight is {weight.dtype} on {weight.device}; float32 and bfloat16 on the CPU are built"
    return None


def _eps(module: Any) -> float | None:
    return getattr(module, "variance_epsilon", getattr(module, "eps", None))


def _norm_offset(module: Any) -> float | None:
    """0 or 1, whichever gives what the module gives; None where neither does."""
    weight, eps = module.weight, _eps(module)
    assert eps is not None
    x = torch.linspace(-2, 3, 3 * weight.numel()).view(3, -1).to(weight.dtype)
    with torch.no_grad():
        want = module(x).float()
        for offset in (0.0, 1.0):
            if torch.allclose(rms_norm(x, weight.float() + offset, eps).float(), want, rtol=2e-2, atol=1e-4):
                return offset
    return None


def _norm_forward(module: Any, offset: float) -> Callable[[Tensor], Tensor]:
    eps, original = float(_eps(module) or 0.0), module.forward

    def forward(hidden_states: Tensor) -> Tensor:
        if hidden_states.dtype not in DTYPES:
            return original(hidden_states)
        weight = module.weight.float()
        return rms_norm(hidden_states, weight + offset if offset else weight, eps)

    return forward


def take_mlps(model: nn.Module, report: Accelerated) -> None:
    """Gated MLPs: gate and up in one product, the gate's activation recomputed in the backward pass."""
    for name, module in model.named_modules():
        parts = _mlp_parts(module)
        if parts is None:
            continue
        gate_up, activation = parts
        gated = _gated(activation)
        reasons = [refusal(part) for part in (*gate_up, module.down_proj)]
        reason = next((reason for reason in reasons if reason), None) or (None if gated else "its activation is neither SiLU nor tanh-GELU")
        if reason or gated is None:
            report.leave(name, str(reason))
        else:
            report.take(name, module, f"{gated.__name__} with lora_linear", _mlp_forward(module, gate_up, gated))
            report.taken |= {f"{name}.{child}": "lora_linear" for child in _PROJECTIONS if hasattr(module, child)}


_PROJECTIONS = ("gate_proj", "up_proj", "gate_up_proj", "down_proj")


def _mlp_parts(module: Any) -> tuple[list[nn.Module], Any] | None:
    if not hasattr(module, "down_proj"):
        return None
    activation = getattr(module, "act_fn", getattr(module, "activation_fn", None))
    if hasattr(module, "gate_up_proj"):
        return [module.gate_up_proj], activation
    if hasattr(module, "gate_proj") and hasattr(module, "up_proj"):
        return [module.gate_proj, module.up_proj], activation
    return None


def _gated(activation: Any) -> Callable[[Tensor], Tensor] | None:
    """The op whose activation is the module's, by its values."""
    if activation is None:
        return None
    points = torch.linspace(-6, 6, 49)
    ones = torch.ones_like(points)
    with torch.no_grad():
        for op in (swiglu, geglu):
            if torch.allclose(activation(points), op(torch.stack((points, ones), 1))[:, 0], atol=1e-5):
                return op
    return None


def _mlp_forward(module: Any, gate_up: list[nn.Module], gated: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    joined, down = Packed(*map(_linear, gate_up)), Packed(_linear(module.down_proj))
    original = module.forward

    def forward(x: Tensor) -> Tensor:
        if not all(is_plain_now(part, x) for part in (*gate_up, module.down_proj)):
            return original(x)
        adapters = [adapter_of(part) for part in gate_up]
        return swiglu_mlp(x, joined.weight(), down.weight(), adapters, adapter_of(module.down_proj), gated)

    return forward


def take_linears(model: nn.Module, report: Accelerated) -> None:
    """Every frozen linear layer that is not part of an MLP taken before."""
    wrapped = {id(module.base_layer) for module in model.modules() if hasattr(module, "base_layer")}
    for name, module in model.named_modules():
        is_lora_factor = ".lora_A." in name or ".lora_B." in name
        if name in report.taken or id(module) in wrapped or is_lora_factor or plain_linear(module) is None:
            continue
        reason = refusal(module)
        if reason:
            report.leave(name, reason)
        else:
            report.packed[name] = Packed(_linear(module))
            report.take(name, module, "lora_linear", _linear_forward(module, report.packed[name]))


def _linear_forward(module: Any, packed: Packed) -> Callable[..., Tensor]:
    original = module.forward

    def forward(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if args or kwargs or not is_plain_now(module, x):
            return original(x, *args, **kwargs)
        return project(module, packed, x)

    return forward


def _linear(module: Any) -> nn.Linear:
    linear = plain_linear(module)
    assert linear is not None
    return linear
